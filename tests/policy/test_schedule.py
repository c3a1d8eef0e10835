"""Hours with more replicas: when windows begin and end, on the clocks of their time zones, and what they change."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.model.autoscaling import Autoscaling, Call, ScalingMemory, ScalingPolicy
from skyserve.model.load import Load
from skyserve.model.plan import Amend, Create, Move
from skyserve.model.replica import Cause, Phase
from skyserve.model.schedule import Window
from skyserve.model.service import Target
from skyserve.model.snapshot import Snapshot
from skyserve.policy.planner import plan
from skyserve.policy.schedule import at_this_hour, next_change
from skyserve.policy.view import service_view
from skyserve.policy.wanted import most_replicas, wanted_replicas
from tests.policy.worlds import replica, world

HOUR = 3600.0
BERLIN, NEW_YORK, UTC = "Europe/Berlin", "America/New_York", "UTC"
OFFICE = Window("0 9 * * mon-fri", BERLIN, 8 * HOUR, low=4)
KNOBS = Autoscaling(ScalingPolicy.REQUEST_RATE, per_replica=2, low=1, high=3)


def at(text: str, timezone: str = BERLIN) -> float:
    """Seconds since the epoch of that time on the clocks there."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp()


def fewest(*windows: Window, now: float, replicas: int = 1) -> int:
    """Replicas wanted of a fixed number with these windows."""
    snapshot = at_this_hour(world(wanted=replicas, now=now, target={"schedule": windows}))
    return wanted_replicas(snapshot.service, snapshot.version.target)


@pytest.mark.parametrize(
    ("now", "replicas"),
    [
        ("2026-03-27 08:59:59", 1),
        ("2026-03-27 09:00:00", 4),
        ("2026-03-27 16:59:59", 4),
        ("2026-03-27 17:00:00", 1),
        ("2026-03-28 12:00:00", 1),  # Saturday
        ("2026-03-30 09:00:00", 4),  # the clocks were put forward on Sunday
        ("2026-10-26 09:00:00", 4),  # and back
    ],
)
def test_a_window_by_the_clocks_of_its_zone(now: str, replicas: int) -> None:
    """From nine to five on working days, whatever the season."""
    assert fewest(OFFICE, now=at(now)) == replicas


def test_zones_differ() -> None:
    """Nine in New York is three in the afternoon in Berlin."""
    there = replace(OFFICE, timezone=NEW_YORK, low=7)
    now = at("2026-06-01 15:00")
    assert (fewest(OFFICE, now=now), fewest(there, now=now), fewest(there, now=now - 1)) == (4, 7, 1)


def test_an_hour_that_does_not_exist_begins_after_it() -> None:
    """At 2:30 of a day whose clocks go from 2 to 3: the window begins at 3."""
    night = Window("30 2 * * *", BERLIN, HOUR, low=2)
    assert fewest(night, now=at("2026-03-29 01:59:59")) == 1
    assert fewest(night, now=at("2026-03-29 03:00:00")) == 2
    assert fewest(night, now=at("2026-03-29 04:00:00")) == 1


def test_an_hour_that_comes_twice_begins_once() -> None:
    """At 2:30 of a day whose clocks go from 3 back to 2: an hour from the first time on, and not again."""
    night = Window("30 2 * * *", BERLIN, HOUR, low=2)
    first = at("2026-10-25 02:30")
    assert [fewest(night, now=first + minutes * 60) for minutes in (-1, 0, 59, 60, 75, 119)] == [1, 2, 2, 1, 1, 1]


def test_the_highest_of_overlapping_windows_holds() -> None:
    """Bounds are raised and never lowered, each by whichever window raises it most."""
    noon = Window("0 12 * * *", BERLIN, HOUR, low=2, high=9)
    target = {"autoscaling": KNOBS, "schedule": (OFFICE, noon, replace(OFFICE, low=0))}
    now = at("2026-03-27 12:30")
    inside = at_this_hour(world(now=now, target=target)).version.target
    assert inside.autoscaling is not None
    assert (inside.autoscaling.low, inside.autoscaling.high, most_replicas(inside)) == (4, 9, 9)
    before = at_this_hour(world(now=now - HOUR, target=target)).version.target
    assert before.autoscaling is not None
    assert (before.autoscaling.low, before.autoscaling.high) == (4, 4)


def test_overprovisioned_ones_come_on_top() -> None:
    """A fixed number with one to spare has one to spare within the window too."""
    target = {"schedule": (OFFICE,), "overprovision": 1}
    snapshot = at_this_hour(world(wanted=2, now=at("2026-03-27 10:00"), target=target))
    assert snapshot.version.target.replicas == 5


def test_the_next_change_is_the_first_of_any_window() -> None:
    """The planner is asked again when a window begins or ends."""
    noon = Window("0 12 * * *", BERLIN, HOUR, high=9)
    assert next_change((), at("2026-03-27 10:00")) is None
    assert next_change((OFFICE, noon), at("2026-03-27 08:00")) == at("2026-03-27 09:00")
    assert next_change((OFFICE, noon), at("2026-03-27 10:00")) == at("2026-03-27 12:00")
    assert next_change((OFFICE, noon), at("2026-03-27 12:00")) == at("2026-03-27 13:00")
    assert next_change((OFFICE, noon), at("2026-03-27 13:00")) == at("2026-03-27 17:00")
    assert next_change((OFFICE,), at("2026-03-27 17:00")) == at("2026-03-30 09:00")


def scheduled(now: float, *, remembered: int = 1) -> Snapshot:
    """A service by request rate with the window, and one replica that does well under a light load."""
    memory = ScalingMemory(remembered, now - 60, calls=(Call(now - 7200, remembered),))
    snapshot = world(
        replica(1, Phase.READY),
        now=now,
        target={"autoscaling": KNOBS, "schedule": (OFFICE,)},
        load=Load(arrived=6),
    )
    return replace(snapshot, service=replace(snapshot.service, scaling=memory, first_ready_at=now))


def test_a_window_begins_without_delay_and_is_told() -> None:
    """At nine three more are created, the event says why, and users see the number."""
    snapshot = scheduled(at("2026-03-27 09:00"))
    made = plan(snapshot)
    assert sum(isinstance(a, Create) for a in made.actions) == 3
    (told,) = (a.reason for a in made.actions if isinstance(a, Amend))
    assert told.startswith("replicas wanted: 4, before: 1;")
    assert told.endswith("; no fewer than 4")
    assert service_view(snapshot, policy="", requested_resources="", host="").target_replicas == 4


def test_it_wakes_in_time() -> None:
    """Half a minute before the window the plan asks to be made again when it begins."""
    now = at("2026-03-27 08:59:58")
    assert plan(scheduled(now)).wake_at == now + 2


def test_what_a_window_brought_stays_for_the_delay() -> None:
    """At five the bounds are the old ones: what is above the most goes, the rest as the load says, after its delay."""
    knobs = replace(KNOBS, high=6)
    snapshot = scheduled(at("2026-03-27 17:00"), remembered=4)
    versions = tuple(replace(v, target=replace(v.target, autoscaling=knobs)) for v in snapshot.versions)
    rows = tuple(replica(n, Phase.READY) for n in range(1, 5))
    after = plan(replace(snapshot, versions=versions, replicas=rows))
    assert not [a for a in after.actions if isinstance(a, Move)]
    capped = plan(replace(snapshot, replicas=rows))
    assert [a.cause for a in capped.actions if isinstance(a, Move)] == [Cause.SCALED_DOWN]


windows = st.builds(
    Window,
    st.sampled_from(["0 9 * * mon-fri", "*/20 * * * *", "30 2 * * *", "0 0 1 * *", "15 3 29 2 *", "0 0 * * sun#1"]),
    st.sampled_from([BERLIN, NEW_YORK, UTC, "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.sampled_from([600.0, HOUR, 30 * HOUR, 40 * 24 * HOUR]),
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(st.lists(windows, min_size=1, max_size=3), st.floats(at("2026-01-01"), at("2029-01-01")))
def test_nothing_changes_before_the_next_change(given_windows: list[Window], now: float) -> None:
    """Until then the bounds are what they are; whoever looks then has missed nothing."""
    changes_at = next_change(given_windows, now)
    assert changes_at is not None and changes_at > now
    target = Target(1, 80, autoscaling=KNOBS, schedule=tuple(given_windows))

    def bounds(moment: float) -> Target:
        snapshot = world(now=moment)
        versions = tuple(replace(v, target=target) for v in snapshot.versions)
        return at_this_hour(replace(snapshot, versions=versions)).version.target

    for share in (0.3, 0.999):
        assert bounds(now) == bounds(now + (changes_at - now) * share)
