"""The scripts of a node: one directory each, with the script, its log, and its exit code once it has one."""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
from typing import Any

from . import control, proxy, records, spaces, ways
from .records import Node, Record
from .refusal import Refusal

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
INHERITED = re.compile(
    r"PATH|LANG|LC_.*|TZ|LD_LIBRARY_PATH|PIP_.*|UV_.*|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE",
    re.IGNORECASE,
)
"""What a replica takes over from the environment that the tool runs in: where programs, mirrors and certificates are.
Nothing else, since the rest may hold credentials of the user's own."""
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RESET = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ]
_BASH = ["bash", "-c", '[ -f ~/.bashrc ] && . ~/.bashrc; . "$0"']
"""What `bash -i SCRIPT` does, without its complaints that there is no terminal."""


def start(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Have the keeper of `node` start script `name`, with `body` and `environment`; not again if it did before. Raises
    Gone if another label has followed `label`."""
    node = Node(root, request["node"])
    node.record()
    operation = {key: request[key] for key in ("name", "body", "environment", "label")}
    return control.ask(node, {"op": "start", **operation})


def expose(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """`host` and `port` by which this machine itself reaches `port` of `node`."""
    node, port = Node(root, request["node"]), int(request["port"])
    with records.admission(root):
        record = node.record()
        if record["way"] in (ways.NETNS, ways.HOST):
            return {"host": record["ip"], "port": port}
        host_port = record["host_ports"].get(str(port))
        at = spaces.listen_address(record["publish"])
        if host_port is None:
            with socket.create_server((at, 0)) as listener:
                host_port = listener.getsockname()[1]
                control.ask(node, {"op": "relay", "port": port}, [listener.fileno()])
            record["host_ports"][str(port)] = host_port
            node.save(record)
    return {"host": "127.0.0.1" if at == "0.0.0.0" else at, "port": host_port}


def launch(node: Node, record: Record, name: str, body: str, environment: dict[str, str]) -> int | None:
    """Within the node: start a script, and tell its process id; None if a script of that name was started before."""
    if not _SAFE_NAME.fullmatch(name):
        raise Refusal("Unsupported", f"{name!r} is no name for a script")
    folder = node.file("scripts", name)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return None
    script, log = os.path.join(folder, "script"), os.path.join(folder, "log")
    records.write_private(script, body if body.endswith("\n") else body + "\n")
    os.makedirs(node.workdir, exist_ok=True)
    os.chdir(node.workdir)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    full = {**_own_environment(node, record), **environment}
    return os.posix_spawnp(_BASH[0], [*_BASH, script], full, file_actions=actions, setsid=True, setsigdef=_RESET)


def finished(node: Node, name: str, wait_status: int) -> None:
    """Keep the exit code of a script: bash's, or 128 + signal."""
    code = 128 + os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else os.WEXITSTATUS(wait_status)
    records.write_private(node.file("scripts", name, "exit"), str(code))


def statuses(node: Node, alive: bool) -> dict[str, dict[str, Any]]:
    """By name. `alive` must have been found out before, lest a script that ends meanwhile be taken for lost."""
    try:
        names = sorted(os.listdir(node.file("scripts")))
    except FileNotFoundError:
        return {}
    return {name: _status(node, name, alive) for name in names}


def _status(node: Node, name: str, alive: bool) -> dict[str, Any]:
    code = records.read_json(node.file("scripts", name, "exit"))
    if code is not None:
        return {"state": "exited", "exit_code": code}
    return {"state": "running" if alive else "lost", "exit_code": None}


def _own_environment(node: Node, record: Record) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if INHERITED.fullmatch(key)}
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    own = {
        "HOME": node.home,
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/bash",
        # Without a device of its own a replica sees none, or it would use another's.
        "CUDA_VISIBLE_DEVICES": ",".join(record["gpus"]),
    }
    outlet = proxy.environment() if record["way"] == ways.RELAY else {}
    return {"PATH": _DEFAULT_PATH, "LANG": "C.UTF-8", **inherited, **outlet, **own}
