"""Pinned host keys: kept privately, found again, and never forgotten by accident."""

import stat
from pathlib import Path

import asyncssh
import pytest

from skyserve.contracts.errors import Unauthorized
from skyserve.infra.ssh.known_hosts import KnownHosts


@pytest.fixture
def known_hosts(tmp_path: Path) -> KnownHosts:
    """No machine was met yet."""
    return KnownHosts(tmp_path / "new" / "ssh_known_hosts")


def public_key() -> asyncssh.SSHKey:
    """A fresh host key."""
    return asyncssh.generate_private_key("ssh-ed25519").convert_to_public()


def test_a_pinned_key_is_found_by_host_and_port(known_hosts: KnownHosts) -> None:
    """Pins belong to a host and a port; a machine never met has none."""
    key, other = public_key(), public_key()
    known_hosts.pin("10.0.0.5", 22, key)
    known_hosts.pin("10.0.0.5", 2222, other)
    assert [(pin.key, pin.line) for pin in known_hosts.find("10.0.0.5", 22)] == [(key, 1)]
    assert [(pin.key, pin.line) for pin in known_hosts.find("10.0.0.5", 2222)] == [(other, 2)]
    assert known_hosts.find("10.0.0.6", 22) == []


def test_the_file_is_private_and_openssh_reads_it(known_hosts: KnownHosts) -> None:
    """Nobody else may read the file, and it is a known_hosts file."""
    key = public_key()
    known_hosts.pin("10.0.0.5", 2222, key)
    assert stat.S_IMODE(known_hosts.path.stat().st_mode) == 0o600
    found = asyncssh.match_known_hosts(str(known_hosts.path), "10.0.0.5", "", 2222)
    assert found[0] == [key]


def test_a_last_line_without_its_end_is_not_spoilt(known_hosts: KnownHosts) -> None:
    """A pin after a line that an editor left unfinished is a line of its own."""
    keys = [public_key(), public_key()]
    known_hosts.pin("10.0.0.5", 22, keys[0])
    known_hosts.path.write_text(known_hosts.path.read_text().rstrip("\n"))
    known_hosts.pin("10.0.0.6", 22, keys[1])
    assert [pin.key for host in ("10.0.0.5", "10.0.0.6") for pin in known_hosts.find(host, 22)] == keys


def test_a_damaged_line_is_an_error(known_hosts: KnownHosts) -> None:
    """A pin that cannot be read is not taken for a machine never met."""
    known_hosts.pin("10.0.0.5", 22, public_key())
    known_hosts.path.write_text("# mine\n10.0.0.5 ssh-ed25519 AAAA\n")
    with pytest.raises(Unauthorized, match=r"ssh_known_hosts:2 holds no readable host key for 10\.0\.0\.5"):
        known_hosts.find("10.0.0.5", 22)


def test_a_changed_key_is_told_with_its_line(known_hosts: KnownHosts) -> None:
    """The error names the machine, the file, the line and what to do."""
    known_hosts.pin("10.0.0.4", 22, public_key())
    known_hosts.pin("10.0.0.5", 22, public_key())
    message = str(known_hosts.changed("10.0.0.5", 22))
    assert message.startswith("10.0.0.5 shows another host key")
    assert f"{known_hosts.path}:2" in message and "remove that line" in message


def test_a_key_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """Where the file cannot be made the error names it and the machine."""
    (tmp_path / "file").touch()
    known_hosts = KnownHosts(tmp_path / "file" / "ssh_known_hosts")
    with pytest.raises(Unauthorized, match=r"host key of 10\.0\.0\.5 cannot be kept in .*/file/ssh_known_hosts"):
        known_hosts.pin("10.0.0.5", 22, public_key())
