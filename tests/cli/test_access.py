"""`sky serve logs --load-balancer`: requests for people, and as they were logged."""

import json
import re
from typing import Any

import click
import pytest

from skyserve.cli.render.access import DETAILS, access_lines
from skyserve.endpoint.native import library
from skyserve.endpoint.translate.local_reply import BY_THE_GATE
from tests.access_log import KEYS
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky

REQUEST: dict[str, Any] = {
    "service": "web",
    "time": "2026-01-02T03:04:05.678Z",
    "request_id": "r-1",
    "client": "10.0.0.9",
    "method": "POST",
    "path": "/v1/chat/completions",
    "protocol": "HTTP/1.1",
    "status": 200,
    "flags": None,
    "details": "via_upstream",
    "replica": 2,
    "version": 3,
    "address": "10.0.0.2:8080",
    "attempts": 1,
    "waited_ms": 2,
    "key": None,
    "tokens": None,
    "first_byte_ms": 45,
    "duration_ms": 1230,
    "received_bytes": 10,
    "sent_bytes": 3400,
}


def shown(**changes: Any) -> str:
    """The one line of a request, without colours and time."""
    (line,) = access_lines([json.dumps(REQUEST | changes).encode() + b"\n"])
    return click.unstyle(line)[len("2026-01-02 03:04:05.678  ") :]


def test_a_request_is_one_line() -> None:
    """When, what came of it, what was asked, who answered, how long it took."""
    assert shown() == ("200  POST /v1/chat/completions  replica 2 (version 3)  45 of 1230 ms  3400 B  10.0.0.9 r-1")


def test_what_a_client_wrote_does_not_steer_the_terminal() -> None:
    """Control characters of a path or a request's id are shown as what they are not."""
    told = shown(path="/caf\u00e9\x9b2J", request_id="\x1b]0;x\x07")
    assert "/caf\u00e9\ufffd2J" in told
    assert told.endswith("10.0.0.9 \ufffd]0;x\ufffd")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": 503, "flags": "NoHealthyUpstream", "replica": None}, "no replica  "),
        ({"status": 503, "flags": "NoHealthyUpstream", "replica": None}, "  no replica ready  "),
        (
            {"attempts": 3, "flags": "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"},
            "  3 attempts, the replica could not be reached, all attempts failed  ",
        ),
        ({"waited_ms": 30_000, "attempts": 2}, "  waited 30000 ms, 2 attempts  "),
        ({"key": "3", "tokens": "17"}, "  key 3, 17 tokens  "),
        ({"flags": "SomethingNew"}, "  SomethingNew  "),
        ({"status": 429, "details": "queue_full", "replica": None}, "  no room in the queue  "),
        ({"status": 401, "details": "invalid_api_key", "replica": None}, "  no valid API key  "),
        ({"status": 429, "details": "token_budget_exceeded", "replica": None}, "  the API key's budget is spent  "),
        ({"status": 0, "flags": "DownstreamConnectionTermination", "first_byte_ms": None}, "  0  POST"),
        ({"flags": None, "attempts": None}, "3400 B  10.0.0.9"),
    ],
)
def test_what_was_not_as_usual_is_told(changes: dict[str, Any], words: str) -> None:
    """In words; a flag that we do not know as the proxy calls it."""
    assert words in "  " + shown(**changes)


def test_lines_come_whole() -> None:
    """Wherever the stream is cut; a line that is no request is shown as it is."""
    log = b"".join(json.dumps(REQUEST | {"path": f"/{n}"}).encode() + b"\n" for n in range(3)) + b"[1]\nnot json"
    for size in (1, 7, 1000):
        lines = list(access_lines(log[at : at + size] for at in range(0, len(log), size)))
        assert [f"/{n}  " in line for n, line in enumerate(lines[:3])] == [True] * 3
        assert lines[3:] == ["[1]", "not json"]


def test_all_that_is_used_is_logged() -> None:
    """The fields of a request here are those of the access log."""
    assert set(REQUEST) == KEYS


def test_every_refusal_is_told_in_words() -> None:
    """The reasons are those of the gate and of the check of keys."""
    by_keys = re.findall(r'"(\w+_api_key|\w+_exceeded)"', library().with_name("keys.c").read_text())

    assert len(by_keys) == 4
    assert set(DETAILS) == {*BY_THE_GATE, *by_keys}


def test_raw_lines(operations: FakeOperations) -> None:
    """--json prints what was logged; with another log it is refused."""
    assert sky("serve logs web --load-balancer --json").out == "GET / 200\n"
    ran = sky("serve logs web --controller --json")
    assert (ran.code, "--load-balancer" in ran.err) == (2, True)
