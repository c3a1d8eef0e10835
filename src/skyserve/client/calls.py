"""What can be asked of the controller: each function says which request to send and what comes back.

The synchronous and the asynchronous client send the same calls.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

from skyserve.contracts.infra import CheckResult
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.key import KEY_PREFIX, KeyLimits
from skyserve.model.name import valid_name
from skyserve.model.resources import Offer
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ServiceTraffic
from skyserve.model.view import DownResult, Health, KeyView, NewKey, PlanView, ServiceView, UpdatePreview, VersionView

if TYPE_CHECKING:  # the specification costs pydantic, which `status` can do without
    from skyserve.spec.task import Task

T = TypeVar("T")

Target = int | Literal["controller", "load_balancer"]
"""Whose log: a replica's, by id, or a part of the service's own."""

HEADERS = {"Content-Type": "application/json"}
"""Sent with every call."""

PROMPT = 10.0
"""Seconds that the controller gets to answer from its database."""
THOROUGH = 300.0
"""Seconds that it gets where it asks the infras first."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request."""

    method: str
    path: str
    result: type[T]
    """What the answer is decoded into."""
    query: Sequence[tuple[str, str]] = ()
    body: Any = None
    """Sent as JSON."""
    timeout: float | None = PROMPT
    """Seconds without an answer after which the controller counts as stuck; None: it may take as long as it takes."""

    @property
    def target(self) -> str:
        """Path and query, quoted."""
        return f"/v1{self.path}?{urlencode(self.query)}" if self.query else f"/v1{self.path}"


def health() -> Call[Health]:
    """Who answers."""
    return Call("GET", "/health", Health)


def shut_down() -> Call[None]:
    """End the controller; services run on."""
    return Call("POST", "/shutdown", type(None))


def up(task: "Task", name: str | None, base: Path) -> Call[ServiceView]:
    """Start a service. Packing a large workdir takes a while."""
    body = {"task": task.model_dump(mode="json"), "name": name, "base": str(base)}
    return Call("POST", "/services", ServiceView, body=body, timeout=None)


def services(names: Sequence[str] | None) -> Call[list[ServiceView]]:
    """Services by name; None: all."""
    return Call("GET", "/services", list[ServiceView], query=[("name", name) for name in names or ()])


def down(names: Sequence[str] | None, purge: bool) -> Call[DownResult]:
    """Terminate services by name or pattern; None: all."""
    chosen = [("all", "true")] if names is None else [("name", name) for name in names]
    return Call("DELETE", "/services", DownResult, query=[*chosen, ("purge", _flag(purge))], timeout=THOROUGH)


def terminate_replica(name: str, replica_id: int, purge: bool) -> Call[None]:
    """Terminate one replica."""
    path = f"{_service(name)}/replicas/{replica_id}"
    return Call("DELETE", path, type(None), query=[("purge", _flag(purge))], timeout=THOROUGH)


def plan(name: str) -> Call[PlanView]:
    """What the controller would do now."""
    return Call("GET", f"{_service(name)}/plan", PlanView, timeout=THOROUGH)


def traffic(names: Sequence[str] | None) -> Call[list[ServiceTraffic]]:
    """What the endpoint counted of services by name; None: of all."""
    return Call("GET", "/traffic", list[ServiceTraffic], query=[("name", name) for name in names or ()])


def preview_update(task: "Task", name: str, base: Path) -> Call[UpdatePreview]:
    """What an update would change."""
    body = {"task": task.model_dump(mode="json"), "base": str(base)}
    return Call("POST", f"{_service(name)}/versions/preview", UpdatePreview, body=body, timeout=None)


def update(task: "Task", name: str, base: Path, mode: UpdateMode | None) -> Call[ServiceView]:
    """Record a new version. Packing a large workdir takes a while."""
    body = {"task": task.model_dump(mode="json"), "base": str(base), "mode": mode}
    return Call("POST", f"{_service(name)}/versions", ServiceView, body=body, timeout=None)


def preview_rollback(name: str, to: int | None) -> Call[UpdatePreview]:
    """What a rollback would change."""
    query = [] if to is None else [("to", str(to))]
    return Call("GET", f"{_service(name)}/rollback", UpdatePreview, query=query)


def rollback(name: str, to: int | None) -> Call[ServiceView]:
    """Record a version that is what another one was."""
    return Call("POST", f"{_service(name)}/rollback", ServiceView, body={"to": to}, timeout=THOROUGH)


def history(name: str) -> Call[list[VersionView]]:
    """The versions of a service."""
    return Call("GET", f"{_service(name)}/versions", list[VersionView])


def pause(name: str) -> Call[ServiceView]:
    """Hold an update."""
    return Call("POST", f"{_service(name)}/rollout/pause", ServiceView, timeout=THOROUGH)


def resume(name: str) -> Call[ServiceView]:
    """Go on with an update."""
    return Call("POST", f"{_service(name)}/rollout/resume", ServiceView, timeout=THOROUGH)


def create_key(name: str, key_name: str | None, limits: KeyLimits, expires_in: float | None) -> Call[NewKey]:
    """Make an API key."""
    body = {"name": key_name, **asdict(limits), "expires_in": expires_in}
    return Call("POST", f"{_service(name)}/keys", NewKey, body=body)


def keys(name: str) -> Call[list[KeyView]]:
    """The API keys of a service."""
    return Call("GET", f"{_service(name)}/keys", list[KeyView])


def revoke_key(name: str, key: str) -> Call[None]:
    """Revoke an API key, by its name or id. Raises ServeError for a key itself, which is not to be sent about."""
    if key.startswith(KEY_PREFIX):
        what = "A key is revoked by its name or id, not by the key itself."
        raise ServeError(ErrorKind.INVALID_REQUEST, what, f"See: sky serve keys list {name}")
    return Call("DELETE", f"{_service(name)}/keys/{quote(key, safe='')}", type(None))


def infras(refresh: bool) -> Call[list[CheckResult]]:
    """Which infras can be used."""
    return Call("GET", "/infras", list[CheckResult], query=[("refresh", _flag(refresh))], timeout=THOROUGH)


def offers(task: "Task") -> Call[list[Offer]]:
    """What a task could run on."""
    return Call("POST", "/offers", list[Offer], body={"task": task.model_dump(mode="json")}, timeout=THOROUGH)


def logs(name: str, target: Target, follow: bool, tail: int | None) -> Call[bytes]:
    """A log, to be streamed."""
    places = {"controller": "events", "load_balancer": "load-balancer/log"}
    place = places[target] if isinstance(target, str) else f"replicas/{target}/log"
    query = [("follow", _flag(follow)), *([] if tail is None else [("tail", str(tail))])]
    return Call("GET", f"{_service(name)}/{place}", bytes, query=query, timeout=None)


def here(base: Path | None) -> Path:
    """The base directory to send; None: the current one."""
    return (base or Path.cwd()).absolute()


def _service(name: str) -> str:
    if not valid_name(name):
        raise ServeError(ErrorKind.NOT_FOUND, f"Service '{name}' not found.", "See: sky serve status")
    return f"/services/{quote(name, safe='')}"


def _flag(value: bool) -> str:
    return "true" if value else "false"
