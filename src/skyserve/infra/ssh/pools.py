"""Machines of the user's own, as written in ssh_node_pools.yaml: the format is SkyPilot's, and `port` beside it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skyserve.spec.errors import Problem, SpecError, closest
from skyserve.spec.source import Path, Source, read

LOGIN_KEYS = ("user", "identity_file", "password", "port")
POOL_KEYS = ("hosts", *LOGIN_KEYS)
HOST_KEYS = ("ip", *LOGIN_KEYS)

_POOL_NAME = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?")
_HOST_NAME = re.compile(r"[A-Za-z0-9:]([-_.:%A-Za-z0-9]*[A-Za-z0-9])?")
_EXAMPLE = "Write a list such as `hosts: [10.0.0.5, my-ssh-alias, {ip: 10.0.0.6, user: ubuntu}]`."


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in. None: not said at this level."""

    user: str | None = None
    identity_file: str | None = None
    """Private key, as written; `~` is the home of whoever runs the controller."""
    password: str | None = field(default=None, repr=False)
    port: int | None = None


@dataclass(frozen=True, slots=True)
class PoolHost:
    """One machine of a pool."""

    name: str
    """An address, or an alias in ~/.ssh/config."""
    own: Login = Login()
    """Said for this host."""
    default: Login = Login()
    """Said for the pool; yields to `own` and to what ~/.ssh/config says of the host."""


@dataclass(frozen=True, slots=True)
class Pool:
    """`ssh/<name>`."""

    name: str
    hosts: tuple[PoolHost, ...]


def parse_pools(text: str | bytes, file: str) -> tuple[Pool, ...]:
    """The pools of one file, in its order; none if it has nothing but comments.

    Raises SpecError with every mistake: file, line, key, reason, remedy. No message repeats a password.
    """
    lines = (text if isinstance(text, bytes) else text.encode()).splitlines()
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in lines):
        return ()
    return _Reader(read(text, file)).pools()


class _Reader:
    """Walks the document and collects what is wrong with it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._problems: list[Problem] = []
        self._seen: dict[str, Path] = {}

    def pools(self) -> tuple[Pool, ...]:
        pools = tuple(self._pool(name, value) for name, value in self._source.data.items())
        if self._problems:
            raise SpecError(self._problems)
        return pools

    def _refuse(self, path: Path, reason: str, remedy: str = "", suggestion: str = "") -> None:
        self._problems.append(self._source.problem(path, reason, remedy, suggestion))

    def _pool(self, name: str, value: Any) -> Pool:
        path: Path = (name,)
        if not _POOL_NAME.fullmatch(name):
            self._refuse(
                path, "is no name of a pool", "Use letters, digits, `-`, `_` and `.`: it becomes `ssh/<pool>`."
            )
        if not isinstance(value, dict):
            self._refuse(path, "a pool is a mapping with `hosts`", _EXAMPLE)
            return Pool(name, ())
        self._check_keys(path, value, POOL_KEYS)
        default = self._login(path, value)
        hosts = value.get("hosts")
        if not isinstance(hosts, list) or not hosts:
            self._refuse((name, "hosts") if "hosts" in value else path, "needs a list of hosts", _EXAMPLE)
            return Pool(name, ())
        found = (self._host((name, "hosts", index), host, default) for index, host in enumerate(hosts))
        return Pool(name, tuple(host for host in found if host))

    def _host(self, path: Path, value: Any, default: Login) -> PoolHost | None:
        own = Login()
        at = path
        if isinstance(value, dict):
            self._check_keys(path, value, HOST_KEYS)
            own = self._login(path, value)
            at = (*path, "ip")
            if "ip" not in value:
                self._refuse(path, "the host has no `ip`", "Add `ip:` with its address or its alias in ~/.ssh/config.")
                return None
        name = self._source.texts.get(at)
        if not name or not _HOST_NAME.fullmatch(name):
            self._refuse(
                at, "is neither an address nor a host name", "Put the user under `user`, the port under `port`."
            )
            return None
        self._check_unique(name, own.port or default.port, at)
        return PoolHost(name, own, default)

    def _check_unique(self, name: str, port: int | None, path: Path) -> None:
        """A machine in two pools would be packed twice."""
        key = f"{name}:{port or 22}"
        if key in self._seen:
            line = self._source.lines[self._seen[key][:3]]
            self._refuse(path, f"the host {name} is given twice, first on line {line}", "Keep one of them.")
        self._seen.setdefault(key, path)

    def _check_keys(self, path: Path, value: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in value.keys() - set(known):
            self._refuse((*path, key), "is not known here", f"Known: {', '.join(known)}.", closest(key, known))

    def _login(self, path: Path, value: Mapping[str, Any]) -> Login:
        words = {key: self._text((*path, key)) for key in ("user", "identity_file", "password") if key in value}
        return Login(**words, port=self._port((*path, "port"), value["port"]) if "port" in value else None)

    def _text(self, path: Path) -> str | None:
        """As written, so that a password of digits keeps its leading zeros."""
        if text := self._source.texts.get(path):
            return text
        self._refuse(path, "needs one word of text", "Write a value, or remove the key.")
        return None

    def _port(self, path: Path, value: Any) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536:
            return value
        self._refuse(path, "is no port", "Write a number from 1 to 65535.")
        return None
