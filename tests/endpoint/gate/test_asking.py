"""What requests may say of themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.endpoint.gate.asking import LIMIT, Asking


@pytest.mark.parametrize(
    ("text", "priority"),
    [
        ("3", 3),
        (" -7 ", -7),
        ("0", 0),
        ("1000", LIMIT),
        ("-1000", -LIMIT),
        ("high", 0),
        ("1.5", 0),
        ("", 0),
        ("--1", 0),
    ],
)
def test_priority(text: str, priority: int) -> None:
    """A whole number within bounds; anything else is as if nothing were said."""
    assert Asking.of({"x-skyserve-priority": text}) == Asking(priority)


@pytest.mark.parametrize(
    ("text", "patience"), [("1500", 1.5), ("0", None), ("-5", None), ("soon", None), ("9" * 40, None)]
)
def test_deadline(text: str, patience: float | None) -> None:
    """Milliseconds, above nothing."""
    assert Asking.of({"x-skyserve-deadline-ms": text}).patience == patience


@given(st.text(), st.text())
def test_nothing_that_is_said_is_an_error(priority: str, deadline: str) -> None:
    """Whatever stands in the headers, the request has a priority within bounds."""
    asking = Asking.of({"x-skyserve-priority": priority, "x-skyserve-deadline-ms": deadline})

    assert -LIMIT <= asking.priority <= LIMIT
    assert asking.patience is None or asking.patience > 0


def test_no_headers() -> None:
    """A request that says nothing is an ordinary one."""
    assert Asking.of({}) == Asking(0, None)
