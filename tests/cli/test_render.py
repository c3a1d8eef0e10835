"""What is printed, letter by letter. To accept new output: REWRITE_GOLDEN=1 pytest tests/cli; then read the diff."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import pytest

from skyserve.api.examples import CHECK, HISTORY, OFFER, PLAN, PREVIEW, SERVICE, UPDATING
from skyserve.cli.render.checks import checks_report, enabled_line
from skyserve.cli.render.commands import useful_commands
from skyserve.cli.render.durations import ago, uptime
from skyserve.cli.render.history import history_table
from skyserve.cli.render.offers import offers_table
from skyserve.cli.render.plan import plan_report
from skyserve.cli.render.preview import difference, preview_report
from skyserve.cli.render.rollout import rollout_words
from skyserve.cli.render.services import services_report
from skyserve.cli.render.spec_block import spec_block
from skyserve.cli.render.table import table
from skyserve.model.resources import Accelerators
from skyserve.model.rollout import Extent
from skyserve.model.view import ReplicaStatus, ReplicaView, ServiceStatus, ServiceView, VersionView

GOLDEN = Path(__file__).parent / "golden"
NOW = SERVICE.created_at + 3723
READY = SERVICE.replicas[0]


def agree(name: str, text: str) -> None:
    """The text is what we last agreed on."""
    path = GOLDEN / f"{name}.txt"
    plain = click.unstyle(text) + "\n"
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text(plain)
    assert plain == path.read_text()


def replicas(statuses: Sequence[ReplicaStatus]) -> list[ReplicaView]:
    """One replica each."""
    return [replace(READY, replica_id=number, status=status) for number, status in enumerate(statuses, 1)]


FAILING = replace(
    SERVICE,
    name="failing",
    active_versions=[],
    status=ServiceStatus.FAILED,
    detail="replica 1 failed",
    uptime_since=None,
    ready_replicas=0,
    endpoint="",
    replicas=[
        replace(
            READY,
            status=ReplicaStatus.FAILED,
            detail="setup exited with 1:\n  pip: command not found",
            endpoint=None,
            launched_at=None,
            infra="",
        ),
        replace(READY, replica_id=2, status=ReplicaStatus.PROVISIONING, endpoint=None, resources="1x[spot](cpus=2)"),
    ],
)


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize(
    ("name", "views"),
    [
        ("none", []),
        ("ready", [SERVICE]),
        ("rolling", [replace(SERVICE, version=2, active_versions=[1, 2], replicas=[])]),
        ("updating", [UPDATING, SERVICE]),
        ("failing", [SERVICE, FAILING]),
        ("all-words", [replace(SERVICE, name=f"s{n}", status=s, replicas=[]) for n, s in enumerate(ServiceStatus)]),
        ("many", [replace(SERVICE, replicas=replicas([*ReplicaStatus]))]),
    ],
)
def test_status(name: str, views: list[ServiceView], verbose: bool) -> None:
    """The tables of services and replicas, and the reasons beneath them."""
    agree(f"status-{name}{'-verbose' if verbose else ''}", services_report(views, now=NOW, verbose=verbose))


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_narrow_terminal(width: int) -> None:
    """Whole columns are left out, which is told; the status stays, and with -v all of them."""
    views = [replace(SERVICE, replicas=replicas([ReplicaStatus.READY, ReplicaStatus.STARTING]))]
    lines = click.unstyle(services_report(views, now=NOW, width=width)).splitlines()
    assert max(len(line) for line in lines) <= width
    assert sum("STATUS" in line for line in lines) == 2
    left_out = [line for line in lines if line.startswith("... no room for ")]
    assert all(line.endswith(" (see -v)") for line in left_out)
    assert bool(left_out) == (width < 200)
    whole = services_report(views, now=NOW, verbose=True)
    assert services_report(views, now=NOW, verbose=True, width=width) == whole


def test_a_reason_is_one_line_unless_all_is_wanted() -> None:
    """A log quoted in a reason does not flood the screen."""
    brief = services_report([FAILING], now=NOW)
    assert "setup exited with 1:" in brief
    assert "pip: command not found" not in brief
    assert "pip: command not found" in services_report([FAILING], now=NOW, verbose=True)


def test_offers() -> None:
    """Machines with and without GPUs, spot and not, the first one chosen."""
    gpu = replace(OFFER, accelerators=Accelerators("A100", 8), spot=True, hourly_usd=12.5, machine="p4d.24xlarge")
    agree("offers", offers_table([OFFER, gpu]))


def test_offers_end() -> None:
    """A large pool does not push the question off the screen."""
    lines = offers_table([OFFER] * 25).splitlines()
    assert len(lines) == 12
    assert lines[-1] == "... 15 more"


def test_plan() -> None:
    """Actions with reasons, and routes."""
    agree("plan", plan_report(PLAN))
    agree("plan-nothing", plan_report(replace(PLAN, actions=[], routes=[], wake_in_seconds=None)))


def test_checks() -> None:
    """Enabled and disabled infras, facts only where asked for."""
    disabled = replace(CHECK, infra="ssh/lab", enabled=False, reason="no answer from 10.0.0.7. Check that it is up.")
    agree("checks", checks_report([CHECK, disabled]))
    agree("checks-verbose", checks_report([CHECK, disabled], verbose=True))
    assert enabled_line([CHECK, disabled]) == "Enabled Infra: local"
    assert enabled_line([disabled]) == "Enabled Infra: none"
    assert checks_report([]) == "No infra is configured."


def test_spec_and_next_commands() -> None:
    """What is printed around the question of `up`."""
    agree("spec", spec_block([("Readiness probe method", "GET /"), ("Spot Policy", "No spot policy")]))
    agree("commands", useful_commands("web", "http://127.0.0.1:30001"))


def test_columns_align_whatever_their_colours() -> None:
    """Colour codes take no room, and lines have no blanks at their end."""
    lines = click.unstyle(table(["A", "B", "C"], [[click.style("red", fg="red"), "x", "y"], ["", "long", ""]]))
    assert lines.splitlines() == ["A    B     C", "red  x     y", "     long"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (0.9, "0s"), (59, "59s"), (60, "1m 0s"), (3723, "1h 2m 3s"), (90061, "1d 1h 1m 1s")],
)
def test_uptime(seconds: float, text: str) -> None:
    """Down to the second, without leading zeros."""
    assert uptime(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (0.5, "just now"),
        (1, "1 sec ago"),
        (120, "2 mins ago"),
        (7199, "1 hr ago"),
        (1e6, "11 days ago"),
    ],
)
def test_ago(seconds: float, text: str) -> None:
    """In the largest unit."""
    assert ago(seconds) == text


def test_an_update_in_one_line() -> None:
    """Versions, mode, share of the requests, replicas of either version, and what it waits for."""
    assert UPDATING.rollout is not None
    rolling = replace(UPDATING.rollout, mode="rolling", traffic_percent=None, detail="")
    replicas = [replace(READY, replica_id=number, version=1) for number in (1, 2)]
    view = replace(UPDATING, target_replicas=3, replicas=[*replicas, replace(READY, replica_id=3, version=2)])
    assert rollout_words(view, rolling) == "version 1 -> 2, rolling, 1 of 3 new replicas ready, 2 old ones"
    held = replace(UPDATING.rollout, paused=True, detail="waits for the user")
    assert rollout_words(replace(UPDATING, replicas=[]), held) == (
        "version 1 -> 2, canary 25 %, 1 of 1 new replicas ready, 0 old ones; paused; waits for the user"
    )


def test_history() -> None:
    """A row a version, where it came from and what became of it; a reason that quotes a log keeps to its line."""
    failed = VersionView(
        version=3,
        created_at=NOW - 90,
        reason="update",
        outcome="failed: replica 4: run exited with 1:\n  killed",
        replicas=0,
    )
    back = VersionView(
        version=4,
        created_at=NOW - 60,
        reason="automatic rollback to version 1: run exited",
        outcome="current",
        replicas=1,
    )
    agree("history", history_table([*HISTORY, failed, back], now=NOW))


@pytest.mark.parametrize("extent", list(Extent))
def test_preview(extent: Extent) -> None:
    """What changes, and what becomes of replicas."""
    preview = replace(PREVIEW, extent=extent)
    if extent is Extent.NOTHING:
        preview = replace(preview, after=preview.before, files=[])
    agree(f"preview-{extent}", preview_report(preview))


LONG = """\
resources:
  ports:
  - 8080
  - 8081
  any_of:
  - infra: local
    cpus: 2
  - infra: ssh/lab
    cpus: 4
run: |
  one
  two

  three
  four
service:
  readiness_probe:
    path: /
    timeout_seconds: 5
  replicas: 2
"""


def test_a_difference_names_the_keys_above_it() -> None:
    """Who reads a changed line sees where it stands, however far above that is."""
    changed = LONG.replace("- 8081", "- 8082").replace("cpus: 4", "cpus: 8").replace("  four\n", "  four\n  more\n")
    changed = changed.replace("timeout_seconds: 5", "timeout_seconds: 6")
    agree("difference", "\n".join(difference(LONG, changed)))


def test_a_difference_at_the_ends() -> None:
    """Lines that come first or last, and a text that is all new or all gone."""
    plain = [click.unstyle(line) for line in difference("b\n", "a\nb\nc\n")]
    assert plain == ["  + a", "    b", "  + c"]
    assert [click.unstyle(line) for line in difference("", "a\n")] == ["  + a"]
    assert [click.unstyle(line) for line in difference("a\n", "")] == ["  - a"]
    assert difference("a\n", "a\n") == []
