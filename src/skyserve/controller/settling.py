"""What a task becomes as it is recorded: whoever reads it later knows no current directory, and makes no keys."""

import secrets
from pathlib import Path

from pydantic import SecretStr

from skyserve.spec.replica_key import AUTO, MADE, is_made
from skyserve.spec.replica_tls import ReplicaTls
from skyserve.spec.service import Service, Tls
from skyserve.spec.task import Task

RANDOM_BYTES = 32
"""256 bits: nobody guesses them."""


def settled(task: Task, base: Path, former: Task | None) -> Task:
    """The task with absolute paths of its key and certificate, where relative ones begin at `base`, and with a replica
    key in place of `auto`: that of the version before, `former`, if it had one so."""
    if task.service is None:
        return task
    service = _keyed(_located(task.service, base), former.service if former else None)
    return task.model_copy(update={"service": service})


def below(base: Path, path: str) -> Path:
    """The path from `base` on, unless it is absolute or begins with `~`."""
    return (base / Path(path).expanduser()).absolute()


def _located(service: Service, base: Path) -> Service:
    balancer = service.load_balancer
    changed = {
        "tls": _with_paths(service.tls, base),
        "load_balancer": balancer.model_copy(update={"replica_tls": _with_paths(balancer.replica_tls, base)}),
    }
    return service.model_copy(update={name: value for name, value in changed.items() if value is not None})


def _with_paths(section: Tls | ReplicaTls | None, base: Path) -> Tls | ReplicaTls | None:
    """The section with its files' paths absolute."""
    if section is None:
        return None
    written = {name: getattr(section, name, None) for name in ("keyfile", "certfile", "cafile")}
    return section.model_copy(update={name: str(below(base, path)) for name, path in written.items() if path})


def _keyed(service: Service, former: Service | None) -> Service:
    asked = service.load_balancer.replica_key
    if asked is None or asked.get_secret_value() != AUTO:
        return service
    kept = former.load_balancer.replica_key if former else None
    key = kept if kept and is_made(kept) else SecretStr(MADE + secrets.token_urlsafe(RANDOM_BYTES))
    return service.model_copy(update={"load_balancer": service.load_balancer.model_copy(update={"replica_key": key})})
