"""`autostop:`, when an idle machine is stopped: a boolean, minutes, `10h`, or a mapping."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from skyserve.spec.amounts import Minutes
from skyserve.spec.base import AnyCase, Count, Model, Text


class Autostop(Model):
    """The mapping form of `autostop:`."""

    idle_minutes: Minutes | None = None
    """Idle time after which the machine stops."""
    down: bool = False
    """Give the machine back instead of stopping it."""
    wait_for: Annotated[Literal["jobs_and_ssh", "jobs", "none"], AnyCase] | None = None
    """What counts as being busy."""
    hook: Text | None = None
    """A script to be run before."""
    hook_timeout: Count | None = None
    """Longest time of the hook, in seconds."""


def autostop_mapping(value: Any) -> Any:
    """The mapping that another form stands for; None for `false`. A mapping is returned as it is."""
    if value is False:
        return None
    if value is True:
        return {}
    return {"idle_minutes": value} if isinstance(value, str | int) else value


AutostopField = Annotated[
    Autostop | None, BeforeValidator(autostop_mapping, json_schema_input_type=bool | int | str | Autostop | None)
]
"""Any form in, a mapping out."""
