"""`sky serve keys`."""

import json
from dataclasses import replace

import pytest

from skyserve.api.examples import KEY, NEW_KEY
from skyserve.cli.render.keys import keys_table
from skyserve.client.decode import decode
from skyserve.model.key import KeyLimits
from skyserve.model.view import KeyView, NewKey
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky


def test_a_key_is_shown_once(operations: FakeOperations) -> None:
    """With its name and how to send it; limits arrive as they were written."""
    ran = sky("serve keys create web mobile --requests-per-minute 60 --tokens-per-day 9 --priority -2 --expires 30d")
    assert ran.code == 0
    assert NEW_KEY.key in ran.out.splitlines()
    assert "Authorization: Bearer" in ran.out
    assert ran.err == ""
    assert operations.made_keys == [("web", "mobile", KeyLimits(60, None, 9, -2), 30 * 86400)]


def test_a_key_for_a_program(operations: FakeOperations) -> None:
    """-q prints the key alone, JSON all there is to know."""
    assert sky("serve keys create web -q").out == f"{NEW_KEY.key}\n"
    assert decode(NewKey, json.loads(sky("serve keys create web -o json").out)) == NEW_KEY


def test_a_key_of_a_service_that_is_open(operations: FakeOperations) -> None:
    """The command says so, and what to do, beside its result."""
    operations.new_key = replace(NEW_KEY, required=False)
    ran = sky("serve keys create web -q")
    assert (ran.code, ran.out) == (0, f"{NEW_KEY.key}\n")
    assert "require_key: true" in ran.err
    assert "sky serve update web" in ran.err


@pytest.mark.parametrize(
    "options",
    [
        "--requests-per-minute 0",
        "--tokens-per-day -1",
        "--expires 30",
        "--expires 0d",
        "--expires soon",
        "--priority x",
        "--priority 11",
    ],
)
def test_limits_that_are_none(operations: FakeOperations, options: str) -> None:
    """Are refused as wrong usage, and no key is made."""
    ran = sky(f"serve keys create web {options}")
    assert ran.code == 2
    assert options.split()[0] in ran.err
    assert operations.made_keys == []


def test_keys_are_listed(operations: FakeOperations) -> None:
    """Without the keys themselves; as JSON too."""
    ran = sky("serve keys list web")
    assert ran.code == 0
    assert "mobile" in ran.out
    assert "60 requests/min, 1000000 tokens/day" in ran.out
    assert [decode(KeyView, row) for row in json.loads(sky("serve keys list web -o json").out)] == [KEY]


def test_the_state_of_a_key() -> None:
    """Good, expired, or with a budget that is spent and when it is full again."""
    now = KEY.created_at + 3600
    keys = [
        replace(KEY, expires_at=None),
        replace(KEY, expires_at=now - 1),
        replace(KEY, spent_until=now + 7200),
        replace(KEY, spent_until=now - 1),
    ]
    rows = keys_table(keys, now=now).splitlines()[1:]
    assert [row.rpartition("480000  ")[2] for row in rows] == ["good", "expired", "budget spent, full in 2h", "good"]


def test_a_key_is_revoked(operations: FakeOperations) -> None:
    """By name or id; one that is not there is told with exit code 3."""
    ran = sky("serve keys revoke web nobody")
    assert (ran.code, ran.out) == (3, "")
    assert "no API key 'nobody'" in ran.err
    assert sky("serve keys revoke web 3").code == 0
    assert operations.key_list == []


def test_a_key_is_not_sent_about(operations: FakeOperations) -> None:
    """Who names a key by itself is told to use its name, and the key is not repeated."""
    ran = sky("serve keys revoke web", NEW_KEY.key)
    assert ran.code == 2
    assert "by its name or id" in ran.err
    assert NEW_KEY.key not in ran.err + ran.out
    assert operations.key_list == [KEY]
