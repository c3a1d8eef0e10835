"""Brings the machine-side tool onto a machine: one file, named by its contents, sent once."""

import shlex

import asyncssh

from skyserve.contracts.errors import Transient, Unsupported
from skyserve.infra.machine.bundle import Tool

DIRECTORY = "~/.sky/node"
"""On the machine: the tool, and all that it keeps."""
OLDEST_PYTHON = (3, 8)

_LOOK = """\
command -v python3 > /dev/null || {{ echo none; exit 0; }}
python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])'
if [ -f {path} ]; then echo present; else echo absent; fi
"""
# The size is compared since a connection that is lost looks like the end of the file to cat.
_RECEIVE = """\
set -e
umask 077
mkdir -p {directory}
fresh={path}.$$
trap 'rm -f "$fresh"' EXIT
cat > "$fresh"
[ "$(wc -c < "$fresh")" -eq {size} ]
mv -f "$fresh" {path}
"""


def start_command(tool: Tool) -> str:
    """What runs the tool once: a command line for any login shell."""
    return f"exec python3 -I -S {DIRECTORY}/{tool.name}"


async def place(connection: asyncssh.SSHClientConnection, tool: Tool, host: str) -> None:
    """Make the machine have the tool. Raises Unsupported where it cannot run, Transient, and what asyncssh raises."""
    path = f"{DIRECTORY}/{tool.name}"
    looked = await _shell(connection, _LOOK.format(path=path))
    found = str(looked.stdout.decode(errors="replace")).split()
    if "none" in found:
        raise Unsupported(f"{host} has no python3. Install Python 3.8 or newer there.")
    if found[-1:] == ["absent"]:
        _check_python(found[-2:-1], host)
        sent = await _shell(connection, _RECEIVE.format(directory=DIRECTORY, path=path, size=len(tool.data)), tool.data)
        if sent.exit_status != 0:
            said = sent.stderr.decode(errors="replace").strip()[-300:]
            raise Transient(f"{host}: the tool could not be stored in {DIRECTORY} ({said or 'it arrived cut short'})")
    elif found[-1:] != ["present"]:
        said = looked.stderr.decode(errors="replace").strip()[-300:]
        raise Transient(f"{host}: its shell does not answer as one should ({said or 'it says nothing'})")


def _check_python(version: list[str], host: str) -> None:
    numbers = tuple(int(part) for part in ".".join(version).split(".") if part.isdigit())
    if numbers < OLDEST_PYTHON:
        raise Unsupported(f"{host} has Python {'.'.join(version)}. Install Python 3.8 or newer as python3 there.")


async def _shell(
    connection: asyncssh.SSHClientConnection, script: str, data: bytes = b""
) -> asyncssh.SSHCompletedProcess:
    """Run a POSIX shell script, whatever the login shell is."""
    return await connection.run(f"exec sh -c {shlex.quote(script)}", input=data, encoding=None)
