"""Pool, ssh configuration and defaults together say how to log in."""

from pathlib import Path

import pytest

from skyserve.contracts.errors import Unauthorized
from skyserve.infra.ssh.login import access
from skyserve.infra.ssh.pools import Login, PoolHost


@pytest.fixture
def ssh_config(tmp_path: Path) -> Path:
    """An ssh configuration that knows one alias."""
    path = tmp_path / "config"
    path.write_text("Host box\n  HostName 10.0.0.5\n  User alias-user\n  Port 2022\n  IdentityFile ~/.ssh/box\n")
    return path


@pytest.fixture
def key(tmp_path: Path) -> str:
    """An identity file; that it exists is all that is asked here."""
    path = tmp_path / "id"
    path.touch()
    return str(path)


def test_an_alias_is_looked_up(ssh_config: Path) -> None:
    """Address, port, user and key of an alias come from the ssh configuration."""
    how = access(PoolHost("box"), ssh_config)
    assert (how.address, how.port, how.options["username"]) == ("10.0.0.5", 2022, "alias-user")
    assert "client_keys" not in how.options


def test_the_ssh_configuration_wins_over_the_pool(ssh_config: Path, key: str) -> None:
    """Defaults of the pool are for hosts that the ssh configuration says nothing of."""
    default = Login("pool-user", key, port=23)
    known, unknown = PoolHost("box", default=default), PoolHost("10.0.0.9", default=default)
    assert access(known, ssh_config).options["username"] == "alias-user"
    assert access(known, ssh_config).port == 2022
    assert access(unknown, ssh_config).options["username"] == "pool-user"
    assert access(unknown, ssh_config).options["client_keys"] == [Path(key)]
    assert access(unknown, ssh_config).port == 23


def test_the_host_itself_wins_over_all(ssh_config: Path, key: str) -> None:
    """What is written at the host counts, whatever stands elsewhere."""
    how = access(PoolHost("box", Login("own", key, "secret", 24), Login("pool-user")), ssh_config)
    assert (how.port, how.options["username"], how.options["client_keys"]) == (24, "own", [Path(key)])
    assert how.options["password"] == "secret"
    assert "secret" not in repr(how)


def test_without_a_word_it_is_as_ssh_does_it(tmp_path: Path) -> None:
    """No configuration at all: the name, port 22, the user and keys that ssh itself would take."""
    how = access(PoolHost("10.0.0.9"), tmp_path / "absent")
    assert (how.address, how.port) == ("10.0.0.9", 22)
    assert how.options.keys() == {"host", "port", "config", "password"}


def test_a_missing_identity_file_is_told(tmp_path: Path) -> None:
    """A key that is not there is named, with the file to correct."""
    with pytest.raises(Unauthorized, match=r"10\.0\.0\.9: there is no identity file ~/nowhere.*ssh_node_pools\.yaml"):
        access(PoolHost("10.0.0.9", Login(identity_file="~/nowhere")), None)


def test_a_broken_ssh_configuration_is_told(tmp_path: Path) -> None:
    """A line that cannot be understood is named."""
    path = tmp_path / "config"
    path.write_text("Host *\n  Port none\n")
    with pytest.raises(Unauthorized, match="config line 2"):
        access(PoolHost("box"), path)
