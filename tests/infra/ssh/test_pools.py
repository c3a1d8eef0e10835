"""ssh_node_pools.yaml: what is understood, and what is said about what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.infra.ssh.pools import Login, Pool, PoolHost, parse_pools
from skyserve.spec.errors import SpecError

FILE = "ssh_node_pools.yaml"

UNDERSTOOD = {
    "one address": ("lab: {hosts: [10.0.0.5]}", (Pool("lab", (PoolHost("10.0.0.5"),)),)),
    "an alias and a name": (
        "lab: {hosts: [gpu-box, node.example.org]}",
        (Pool("lab", (PoolHost("gpu-box"), PoolHost("node.example.org"))),),
    ),
    "defaults of the pool": (
        "lab: {user: ubuntu, identity_file: ~/.ssh/lab, hosts: [a]}",
        (Pool("lab", (PoolHost("a", default=Login("ubuntu", "~/.ssh/lab")),)),),
    ),
    "one host says otherwise": (
        "lab: {user: ubuntu, hosts: [{ip: 10.0.0.6, user: admin, port: 2222}]}",
        (Pool("lab", (PoolHost("10.0.0.6", Login("admin", port=2222), Login("ubuntu")),)),),
    ),
    "a password of digits stays text": (
        "lab: {hosts: [{ip: a, password: 007}]}",
        (Pool("lab", (PoolHost("a", Login(password="007")),)),),
    ),
    "two pools": ("a: {hosts: [x]}\nb: {hosts: [y]}", (Pool("a", (PoolHost("x"),)), Pool("b", (PoolHost("y"),)))),
    "the same host on two ports": (
        "a: {hosts: [x, {ip: x, port: 2222}]}",
        (Pool("a", (PoolHost("x"), PoolHost("x", Login(port=2222)))),),
    ),
    "an IPv6 address": ("a: {hosts: ['fe80::1%eth0']}", (Pool("a", (PoolHost("fe80::1%eth0"),)),)),
    "nothing": ("", ()),
    "comments alone": ("# lab:\n#   hosts: [a]\n", ()),
}

REFUSED = {
    "not a mapping": ("- a", "ssh_node_pools.yaml:1: not a mapping."),
    "a pool without hosts": ("a:\n  user: x", "ssh_node_pools.yaml:1: a: needs a list of hosts."),
    "an empty list": ("a:\n  hosts: []", "ssh_node_pools.yaml:2: a.hosts: needs a list of hosts."),
    "a pool that is a list": ("a: [10.0.0.5]", "ssh_node_pools.yaml:1: a: a pool is a mapping with `hosts`."),
    "a slash in the name": ("a/b: {hosts: [x]}", "ssh_node_pools.yaml:1: a/b: is no name of a pool."),
    "a misspelt key": ("a:\n  hosts: [x]\n  usr: x", "ssh_node_pools.yaml:3: a.usr: is not known here."),
    "a host without an address": (
        "a:\n  hosts:\n    - {user: x}",
        "ssh_node_pools.yaml:3: a.hosts[0]: the host has no",
    ),
    "the user before the host": (
        "a:\n  hosts:\n    - me@x",
        "ssh_node_pools.yaml:3: a.hosts[0]: is neither an address",
    ),
    "an option for ssh": ("a: {hosts: [-oProxyCommand=x]}", "a.hosts[0]: is neither an address"),
    "a host that is a list": ("a: {hosts: [[x]]}", "a.hosts[0]: is neither an address"),
    "a port out of range": ("a: {hosts: [x], port: 70000}", "ssh_node_pools.yaml:1: a.port: is no port."),
    "a port that is no number": ("a: {hosts: [x], port: true}", "a.port: is no port."),
    "a user that is a list": ("a: {hosts: [x], user: [y]}", "a.user: needs one word of text."),
    "an empty password": ("a: {hosts: [{ip: x, password: }]}", "a.hosts[0].password: needs one word of text."),
    "a host given twice": ("a:\n  hosts:\n    - x\n    - x", "a.hosts[1]: the host x is given twice, first on line 3."),
    "a host in two pools": (
        "a: {hosts: [x]}\nb: {hosts: [x]}",
        "b.hosts[0]: the host x is given twice, first on line 1.",
    ),
}


@pytest.mark.parametrize(("text", "pools"), UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_what_is_understood(text: str, pools: tuple[Pool, ...]) -> None:
    """Each form of SkyPilot's file means the machines it says."""
    assert parse_pools(text, FILE) == pools


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(text: str, message: str) -> None:
    """Each mistake is refused with file, line and key."""
    with pytest.raises(SpecError) as refused:
        parse_pools(text, FILE)
    assert message in str(refused.value)


def test_all_mistakes_are_told_at_once_with_what_to_write() -> None:
    """One look tells every mistake, what is known, and what was probably meant."""
    with pytest.raises(SpecError) as refused:
        parse_pools("a:\n  host: [x]\n  hosts: [y]\n  idenity_file: k\n", FILE)
    assert [problem.suggestion for problem in refused.value.problems] == ["hosts", "identity_file"]
    assert all("Known: hosts, user" in problem.remedy for problem in refused.value.problems)


def test_no_message_and_no_repr_shows_a_password() -> None:
    """A password appears neither in an error nor in what is printed of a pool."""
    text = "a: {hosts: [{ip: x, password: hunter2, port: 0}, {ip: y, password: [hunter2]}], password: hunter2}"
    with pytest.raises(SpecError) as refused:
        parse_pools(text, FILE)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(parse_pools("a: {hosts: [{ip: x, password: hunter2}]}", FILE))


@given(st.one_of(st.binary(), st.text(alphabet="ab:[]{}-, \n#'\"hostsipuser0123456789", max_size=200)))
def test_any_text_gives_pools_or_a_clear_error(text: bytes | str) -> None:
    """Whatever the file holds, the outcome is pools or a SpecError."""
    try:
        parse_pools(text, FILE)
    except SpecError as error:
        assert error.problems
