"""`service.update:`, how a new version takes over from the one before."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from skyserve.model.rollout import CanaryStep, Part, UpdateMode, UpdateSettings
from skyserve.spec.base import AnyCase, Finding, Model, PositiveSeconds, Seconds, invalid

PROVISION_SECONDS = 600.0
"""Added to `initial_delay_seconds` where no progress deadline is written: the time until a machine is up."""

_PART = re.compile(r"(\d{1,9})\s*(%?)")


def _part(value: Any) -> Any:
    if isinstance(value, Part):
        return value
    match = _PART.fullmatch(str(value).strip())
    if match is None or (match[2] and int(match[1]) > 100):
        raise invalid(Finding("should be a number of replicas, or a percentage of them", "Write 1, or 25%."))
    return Part(int(match[1]), percent=bool(match[2]))


PartField = Annotated[
    Part,
    BeforeValidator(_part, json_schema_input_type=int | Annotated[str, Field(pattern=r"^\d+%?$|^\$")]),
    PlainSerializer(str, return_type=str),
]
"""A number, or a percentage, in; text out."""

Traffic = Annotated[int, Field(ge=1, le=99)]


class Step(Model):
    """One step of a canary."""

    traffic: Traffic
    """Percent of the requests that go to the new version."""
    seconds: PositiveSeconds
    """How long, until the next step."""


class Update(Model):
    """How a new version takes over, and when it is taken to have failed."""

    mode: Annotated[UpdateMode, AnyCase] = UpdateMode.ROLLING
    """In what order: rolling, blue_green or canary; `sky serve update --mode` says otherwise for once."""
    max_surge: PartField = Part(25, percent=True)
    """Rolling: replicas above the number wanted, or percent of it, rounded up."""
    max_unavailable: PartField = Part(0)
    """Rolling: replicas below the number wanted, or percent of it, rounded down."""
    canary_steps: tuple[Step, ...] = ()
    """Canary: shares of the requests before all of them; if not written 5, 25 and 50 %, each for 300 s."""
    min_ready_seconds: Seconds = 0
    """How long a new replica must stay ready before it counts."""
    progress_deadline_seconds: PositiveSeconds | None = None
    """Longest time in which nothing goes forward; initial_delay_seconds + min_ready_seconds + 600 if not written."""
    automatic_rollback: bool = True
    """Whether a version that fails is left for the one before; else launching stops."""

    @model_validator(mode="after")
    def _consistent(self) -> "Update":
        if findings := list(self._findings()):
            raise invalid(*findings)
        return self

    def _findings(self) -> Iterator[Finding]:
        if self.max_surge.amount == 0 and self.max_unavailable.amount == 0:
            remedy = "Write max_surge: 1 to add a replica first, or max_unavailable: 1 to do without one."
            yield Finding("0 as max_unavailable is, so that no replica could ever be replaced", remedy, ("max_surge",))
        for number, (step, following) in enumerate(zip(self.canary_steps, self.canary_steps[1:], strict=False)):
            if following.traffic <= step.traffic:
                where = ("canary_steps", number + 1, "traffic")
                yield Finding(f"not more than the step before ({step.traffic})", "Let the steps ascend.", where)
        deadline = self.progress_deadline_seconds
        if deadline is not None and deadline <= self.min_ready_seconds:
            remedy = "Write more than that: a replica has to stay ready so long before it counts as progress."
            yield Finding(
                f"not more than min_ready_seconds ({self.min_ready_seconds:g})", remedy, ("progress_deadline_seconds",)
            )

    def settings(self, initial_delay: float) -> UpdateSettings:
        """As decisions see it. A deadline that is not written is longer than any start that is in time."""
        deadline = self.progress_deadline_seconds or initial_delay + self.min_ready_seconds + PROVISION_SECONDS
        steps = tuple(CanaryStep(step.traffic, step.seconds) for step in self.canary_steps)
        return UpdateSettings(
            mode=self.mode,
            max_surge=self.max_surge,
            max_unavailable=self.max_unavailable,
            canary_steps=steps or UpdateSettings().canary_steps,
            min_ready_seconds=self.min_ready_seconds,
            progress_deadline=deadline,
            automatic_rollback=self.automatic_rollback,
        )
