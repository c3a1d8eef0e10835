"""Host keys: pinned when a machine is first met, and required ever after.

The file has OpenSSH's known_hosts format (plain names), so that `ssh-keygen -R` and an editor work on it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from skyserve.contracts.errors import Unauthorized

SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class Pin:
    """The key of one machine, and the line that holds it."""

    key: asyncssh.SSHKey
    line: int


class KnownHosts:
    """The pins of one installation. Read afresh each time: another process may have pinned, a user edited."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, host: str, port: int) -> list[Pin]:
        """What was pinned for this machine; empty if it was never met.

        Raises Unauthorized if its line is damaged: a key that cannot be read must not count as absent.
        """
        name = entry_name(host, port)
        try:
            lines = self.path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unauthorized(f"{self.path} cannot be read ({error.strerror}). Correct its permissions.") from None
        entries = [(number, line.split()) for number, line in enumerate(lines, start=1)]
        return [self._pin(number, fields) for number, fields in entries if fields and name in fields[0].split(",")]

    def _pin(self, number: int, fields: list[str]) -> Pin:
        try:
            return Pin(asyncssh.import_public_key(" ".join(fields[1:3])), number)
        except asyncssh.KeyImportError:
            raise Unauthorized(
                f"{self.path}:{number} holds no readable host key for {fields[0]}. "
                f"Remove that line to trust the machine again at the next contact."
            ) from None

    def pin(self, host: str, port: int, key: asyncssh.SSHKey) -> None:
        """Trust this key from now on. One write of one line, so that two processes may do it at once.

        Raises Unauthorized where it cannot be kept: the machine would be taken on trust again and again.
        """
        line = f"{entry_name(host, port)} {key.export_public_key().decode().strip()}\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = self.path.read_bytes() if self.path.exists() else b""
            # An editor may have left the last line without its end.
            end = "" if not before or before.endswith(b"\n") else "\n"
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                file.write((end + line).encode())
        except OSError as error:
            raise Unauthorized(
                f"the host key of {host} cannot be kept in {self.path} ({error.strerror}). Make that file writable."
            ) from None

    def changed(self, host: str, port: int) -> Unauthorized:
        """The error for a machine that shows another key than it did."""
        line = self.find(host, port)[0].line
        return Unauthorized(
            f"{host} shows another host key than the one pinned in {self.path}:{line}: it was installed anew, or "
            f"something pretends to be it. If you know why, remove that line: it is pinned anew at the next contact."
        )


def entry_name(host: str, port: int) -> str:
    """How OpenSSH writes a machine: the port only where it is not 22."""
    return host if port == SSH_PORT else f"[{host}]:{port}"
