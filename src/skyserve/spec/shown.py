"""Two tasks as YAML for a person to compare: what was asked for, and no secret."""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import SecretStr

from skyserve.spec.load_balancer import LoadBalancer
from skyserve.spec.replica_key import AUTO, is_made
from skyserve.spec.target import service_of
from skyserve.spec.task import Task

MASK = "***"
"""Stands for a secret."""
_ENDLESS = 2**20
"""Width of a line: none is folded, so that what is written as one line is shown as one."""


def shown_pair(old: Task, new: Task) -> tuple[str, str]:
    """YAML of each, without the name and what is left at its default. Masked are the values of `secrets:` and the
    replica key, wherever a variable put them, and the values of the probe's headers; the second text says where they
    change. Raises SpecError if either is no service."""
    hidden = {*_values(old), *_values(new)} - {""}
    # The longest first: one may hold another.
    order = sorted(hidden, key=lambda value: (-len(value), value))
    return _text(_masked(old, old), order), _text(_masked(new, old), order)


def _values(task: Task) -> list[str]:
    key = service_of(task).load_balancer.replica_key
    return [secret.get_secret_value() for secret in (*task.secrets.values(), *([key] if key else ()))]


def _masked(task: Task, before: Task) -> Task:
    service, former = service_of(task), service_of(before)
    headers = _marked(service.readiness_probe.headers, former.readiness_probe.headers)
    masked = {
        "readiness_probe": service.readiness_probe.model_copy(update={"headers": headers}),
        "load_balancer": _with_masked_key(service.load_balancer, former.load_balancer),
    }
    return task.model_copy(
        update={
            "secrets": {name: SecretStr(text) for name, text in _marked(task.secrets, before.secrets).items()},
            "service": service.model_copy(update=masked),
        }
    )


def _with_masked_key(balancer: LoadBalancer, before: LoadBalancer) -> LoadBalancer:
    """One that is the service's own is shown as it was asked for."""
    if balancer.replica_key is None:
        return balancer
    keys, former = {"key": balancer.replica_key}, {"key": before.replica_key} if before.replica_key else {}
    text = AUTO if is_made(balancer.replica_key) else _marked(keys, former)["key"]
    return balancer.model_copy(update={"replica_key": SecretStr(text)})


def _marked(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    changed = {name for name, value in values.items() if name in before and before[name] != value}
    return {name: f"{MASK} (changed)" if name in changed else MASK for name in values}


def _text(task: Task, hidden: list[str]) -> str:
    document = task.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    return yaml.dump(_without(hidden, document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_ENDLESS)


def _without(hidden: list[str], value: Any) -> Any:
    """The value without secrets, and numbers as people write them."""
    if isinstance(value, dict):
        return {key: _without(hidden, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(hidden, item) for item in value]
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, MASK)
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as lines, so that a changed one shows."""


def _lines(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _lines)
