"""The rules of keys, as the controller writes them and the library reads them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.endpoint.translate.keys import keys_for
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.key import KeyRule
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.native.library import LIBRARY

TIMES = st.none() | st.floats(1, 1e10).map(lambda time: round(time, 3))
RULES = st.builds(
    KeyRule,
    id=st.integers(1, 2**62),
    digest=st.binary(min_size=1, max_size=8).map(lambda key: hashlib.sha256(key).hexdigest()),
    expires_at=TIMES,
    requests_per_minute=st.none() | st.integers(1, 10**9),
    priority=st.integers(-10, 10),
    has_budget=st.booleans(),
    spent_until=TIMES,
)


@given(st.lists(RULES, max_size=30, unique_by=lambda rule: rule.digest))
def test_what_is_written_is_read(rules: list[KeyRule]) -> None:
    """Every key is found by its digest, with all that was said of it, and no other is."""
    settings = EndpointSettings(require_key=True)
    table = RouteTable(7, "hello", 1, LoadBalancingPolicy.LEAST_LOAD, settings=settings, keys=tuple(rules))
    (told,) = keys_for(table).values()
    lines = told["value"]["filter_config"]["value"].encode()
    read = LIBRARY.rules_read(lines, len(lines))
    try:
        for rule in rules:
            found = LIBRARY.rules_find(read, bytes.fromhex(rule.digest)).contents
            assert found.id == rule.id
            assert int(found.priority or 0) == rule.priority
            assert (found.expires, found.spent) == tuple(
                round(1000 * (t or 0)) for t in (rule.expires_at, rule.spent_until)
            )
            assert (found.requests is None) == (rule.requests_per_minute is None)
        assert not LIBRARY.rules_find(read, 32 * b"\0")
    finally:
        LIBRARY.rules_free(read)


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"service\n",
        b"service 1 0\nkey\n",
        b"service 1 0\nkey abc 1 0 0 0 0\n",
        b"service 1 0\nkey " + 64 * b"g" + b" 1 0 0 0 0\n",
        b"service 1 0\nkey " + 64 * b"a" + b" 1 0 0 0\n",
        b"service 1 0\nnonsense\n",
    ],
)
def test_what_is_no_rule_is_refused(lines: bytes) -> None:
    """Rather than that a key is let in by mistake."""
    assert LIBRARY.rules_read(lines, len(lines)) is None
