"""`sky serve top`."""

import json
from dataclasses import replace

import click
import pytest

from skyserve.api.examples import KEY, SERVICE, TRAFFIC
from skyserve.cli.render.top import fitted, top_text
from skyserve.client.activity import ServiceActivity, activity
from skyserve.client.decode import decode
from skyserve.model.home import Home
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic, Spread, Waits
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once."""
    monkeypatch.setattr("skyserve.cli.commands.serve_top.time.sleep", lambda _: None)


def later(seconds: float, requests: int) -> list[ServiceTraffic]:
    """What is counted after so long, and so many requests more."""
    replica = replace(TRAFFIC.replicas[0], answers=(Answers(200, 1196 + requests), Answers(500, 3)))
    return [replace(TRAFFIC, at=TRAFFIC.at + seconds, arrived=TRAFFIC.arrived + requests, replicas=(replica,))]


def test_once(operations: FakeOperations) -> None:
    """Two looks, and what came between them; without a terminal that is all there is."""
    operations.traffics = [[TRAFFIC], later(2, 100)]
    for command in ("serve top web --once", "serve top"):
        operations.traffics = [[TRAFFIC], later(2, 100)]
        ran = sky(command)
        assert ran.code == 0
        assert ran.out.startswith("web  READY  version 1  1 of 1 replicas ready\n50.0 req/s  0 err/s  3 in flight")
        assert "100% " in ran.out
        assert max(len(line) for line in ran.out.splitlines()) <= 80


def test_json_has_the_numbers(operations: FakeOperations) -> None:
    """One document, which the client's own types can read."""
    operations.traffics = [[TRAFFIC], later(2, 100)]
    (seen,) = decode(list[ServiceActivity], json.loads(sky("serve top web -o json").out))
    assert (seen.name, seen.seconds, seen.requests_per_second) == ("web", 2, 50)
    assert seen.replicas[0].requests_per_second == 50


def test_watching_goes_on(operations: FakeOperations, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is interrupted; rates are of the last while, not of all that was seen. Where the terminal cannot go back
    the screens follow each other."""
    operations.traffics = [[TRAFFIC], later(5, 50), later(10, 100), later(15, 1150), later(20, 2200)]
    sleeps = iter([None] * 4)

    def sleep(_: float) -> None:
        if next(sleeps, 0) == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr("skyserve.cli.commands.serve_top.time.sleep", sleep)
    monkeypatch.setattr("skyserve.cli.progress.is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")
    ran = sky("serve top web")
    assert ran.code == 130
    rates = [line.split()[0] for line in ran.out.splitlines() if "req/s" in line and "BUSY" not in line]
    assert rates == ["10.0", "10.0", "110", "210"]
    assert "Ctrl-C ends the watching." in ran.out


def test_names_that_no_service_bears(operations: FakeOperations) -> None:
    """Are told with exit code 3, beside those that exist."""
    ran = sky("serve top wbe --once")
    assert (ran.code, ran.out) == (3, "")
    assert "Service 'wbe' not found. Did you mean 'web'?" in ran.err
    ran = sky("serve top web nobody --once")
    assert (ran.code, ran.out.startswith("web ")) == (3, True)


def test_an_endpoint_that_cannot_tell(operations: FakeOperations) -> None:
    """The replicas are there all the same."""
    operations.traffics = [[]]
    ran = sky("serve top --once")
    assert "The endpoint does not tell what it counts." in ran.out
    assert "local (localhost)" in ran.out


def test_no_services(home: Home) -> None:
    """Nothing is started to say that there is nothing."""
    ran = sky("serve top --once")
    assert (ran.code, ran.out) == (0, "No existing services.\n")
    assert not home.root.exists()


def test_all_is_shown_within_eighty_columns(operations: FakeOperations) -> None:
    """Long names and large numbers are shortened, not wrapped."""
    operations.views["web"] = replace(
        SERVICE, replicas=[replace(SERVICE.replicas[0], replica_id=1234, infra="ssh/laboratory (gpu-node-17.example)")]
    )
    row = ReplicaTraffic(1234, 1, 9876, (Answers(200, 99_999), Answers(500, 10_000)))
    operations.traffics = [[replace(TRAFFIC, replicas=())], [replace(TRAFFIC, at=TRAFFIC.at + 1, replicas=(row,))]]
    lines = sky("serve top --once").out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert lines[-1].split()[:2] == ["1234", "1"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_screen_is_as_wide_as_the_terminal(width: int) -> None:
    """No line is longer, none ends within a number and its word, and what is left out is left out whole."""
    keys = [replace(KEY, name="a-key-with-quite-a-long-name-of-its-own")]
    view = replace(SERVICE, replicas=[replace(SERVICE.replicas[0], infra="ssh/laboratory (gpu-node-17.example)")])
    after = replace(
        TRAFFIC, at=TRAFFIC.at + 2, arrived=9999, retried=77, queued=9, keys=(replace(keys[0], requests=9999),)
    )
    before = replace(TRAFFIC, keys=(*keys,))
    lines = click.unstyle(top_text([activity(view, before, after)], width=width, hint=True)).splitlines()
    assert max(len(line) for line in lines) <= width
    assert all(line == line.rstrip() for line in lines)
    assert {"9 queued", "38.0 retries/s"} <= {fact for line in lines for fact in line.split("  ")}
    heading = next(line for line in lines if line.startswith(" ID"))
    assert ("PLACE" in heading, "P95" in heading, heading.endswith("SHARE")) == (width > 60, True, True)


def test_a_screen_is_as_high_as_the_terminal() -> None:
    """What has no room is counted; the last line, which tells how to end, stays."""
    text = "\n".join(str(number) for number in range(30))
    assert click.unstyle(fitted(text, 10)).splitlines() == [*"01234567", "... 21 more lines", "29"]
    assert fitted(text, 30) == text


def test_those_who_wait_are_told(operations: FakeOperations) -> None:
    """Where there are any."""
    operations.traffics = [[TRAFFIC], [replace(TRAFFIC, at=TRAFFIC.at + 1, held=7)]]
    assert "  7 held\n" in sky("serve top --once").out
    operations.traffics = [[TRAFFIC], [replace(TRAFFIC, at=TRAFFIC.at + 1, queued=9)]]
    ran = sky("serve top --once")
    assert ("  9 queued\n" in ran.out, "held" in ran.out) == (True, False)


def test_keys_that_are_used_are_shown(operations: FakeOperations) -> None:
    """The busiest first, and how many more there are."""
    keys = [replace(KEY, key_id=n, name=f"team-{n}") for n in range(1, 9)]
    after = [replace(key, requests=key.requests + 10 * key.key_id, refused=key.refused + 1) for key in keys[:7]]
    operations.traffics = [
        [replace(TRAFFIC, keys=(*keys,))],
        [replace(TRAFFIC, at=TRAFFIC.at + 10, keys=(*after, keys[7]))],
    ]
    lines = sky("serve top --once").out.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("KEY "))
    assert [line.split()[0] for line in lines[begin + 1 :]] == ["team-7", "team-6", "team-5", "team-4", "team-3", "..."]
    assert lines[begin + 1].split() == ["team-7", "7.0", "0.1", "0", "930000"]
    assert lines[-1] == "... 2 more that are less busy"


def test_who_had_to_wait_and_who_was_sent_away(operations: FakeOperations) -> None:
    """How long those waited that went on, and how many found no place in the queue."""
    spread = Spread(tuple(4 * (bound >= 3) for bound in FIRST_BYTE_BOUNDS), 4, 12.0)
    waits = Waits(released=4, full=40, spread=spread)
    operations.traffics = [[TRAFFIC], [replace(TRAFFIC, at=TRAFFIC.at + 10, queue_waits=waits)]]
    lines = sky("serve top --once").out.splitlines()
    assert "4.0 turned away/s" in lines[1]
    assert lines[3] == "2.9 s waited for a replica p50  3.2 s p95"


def test_a_replica_that_is_passed_over(operations: FakeOperations) -> None:
    """That word stands in place of its status."""
    row = replace(TRAFFIC.replicas[0], ejected=True)
    operations.traffics = [[TRAFFIC], [replace(TRAFFIC, at=TRAFFIC.at + 10, ejected=1, replicas=(row,))]]
    lines = sky("serve top --once").out.splitlines()
    assert (lines[0].endswith("  1 ejected"), lines[-1].split()[:3]) == (True, ["1", "1", "ejected"])
