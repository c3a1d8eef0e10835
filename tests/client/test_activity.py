"""Rates and percentiles from two looks at totals."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.api.examples import KEY, SERVICE, TRAFFIC
from skyserve.client.activity import KeyActivity, ServiceActivity, activity
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic, Spread, Waits
from skyserve.model.view import ReplicaStatus

REPLICA = SERVICE.replicas[0]
VIEW = replace(
    SERVICE,
    replicas=[
        replace(REPLICA, hourly_usd=2.0),
        replace(REPLICA, replica_id=2, version=2, hourly_usd=1.0),
        replace(REPLICA, replica_id=3, status=ReplicaStatus.PENDING, hourly_usd=5.0),
    ],
)


def spread(*seconds: float) -> Spread:
    """Of answers that began after so long."""
    return Spread(tuple(sum(s <= bound for s in seconds) for bound in FIRST_BYTE_BOUNDS), len(seconds), sum(seconds))


def row(
    replica_id: int, good: int, bad: int = 0, *times: float, version: int = 1, in_flight: int = 0
) -> ReplicaTraffic:
    """A replica's counts."""
    return ReplicaTraffic(replica_id, version, in_flight, (Answers(200, good), Answers(502, bad)), spread(*times))


def looks(before: ServiceTraffic, after: ServiceTraffic) -> ServiceActivity:
    """Ten seconds apart."""
    return activity(VIEW, replace(before, at=100.0), replace(after, at=110.0))


def test_rates_are_differences_over_time() -> None:
    """What was counted before the first look does not matter."""
    before = replace(TRAFFIC, replicas=(row(1, 100, 5, 0.5), row(2, 10)), own=(Answers(503, 7),))
    after = replace(
        before,
        arrived=before.arrived + 100,
        sent_bytes=before.sent_bytes + 5000,
        retried=before.retried + 20,
        in_flight=9,
        replicas=(row(1, 160, 15, 0.5, 0.2, 0.2), row(2, 40)),
        own=(Answers(401, 3), Answers(503, 8)),
    )
    seen = looks(before, after)
    assert (seen.seconds, seen.requests_per_second, seen.sent_bytes_per_second) == (10, 10, 500)
    assert (seen.retries_per_second, seen.refused_per_second, seen.in_flight) == (2, 0, 9)
    assert seen.errors_per_second == pytest.approx(1.1)
    first, second, pending = seen.replicas
    assert (first.requests_per_second, first.errors_per_second, first.share) == (7, 1, 70)
    assert (second.requests_per_second, second.errors_per_second, second.share) == (3, 0, 30)
    assert (pending.requests_per_second, pending.share, pending.first_byte_p50) == (0, None, None)
    assert first.first_byte_p95 == seen.first_byte_p95 == pytest.approx(0.2, rel=0.1)


def test_waits() -> None:
    """Those that ended between the looks, in either line; who was sent away from the queue is told apart."""
    before = replace(TRAFFIC, hold_waits=Waits(released=1, spread=spread(500)))
    after = replace(
        before,
        hold_waits=Waits(released=2, timed_out=4, spread=spread(500, 2)),
        queue_waits=Waits(released=1, full=5, deadline=5, gone=7, spread=spread(1)),
    )
    seen = looks(before, after)
    assert seen.turned_away_per_second == 1
    assert seen.waited_p95 == pytest.approx(2, rel=0.1)
    assert seen.waited_p50 == pytest.approx(1, rel=0.1)
    assert looks(before, before).waited_p50 is None
    anew = looks(replace(before, arrived=10**6), after)
    assert (anew.waited_p50, anew.turned_away_per_second) == (None, 0)


def test_keys() -> None:
    """By their ids; one that was made between the looks has been used since then."""
    after = replace(KEY, requests=KEY.requests + 30, refused=KEY.refused + 10, tokens=KEY.tokens + 5000)
    new = replace(KEY, key_id=9, name="new", requests=20, refused=0, tokens=0, day_tokens_left=None)
    seen = looks(TRAFFIC, replace(TRAFFIC, keys=(after, new)))
    assert seen.keys == [
        KeyActivity("mobile", 3, 1, 500, None, KEY.day_tokens_left),
        KeyActivity("new", 2, 0, 0, None, None),
    ]


def test_only_machines_cost() -> None:
    """A replica that has none yet, or none any more, is not in the price."""
    assert looks(TRAFFIC, TRAFFIC).hourly_usd == 3.0


def test_a_replica_that_became_another_version_counts_once() -> None:
    """Its rows, one a version, are one replica's."""
    before = replace(TRAFFIC, replicas=(row(1, 100, in_flight=2),))
    after = replace(TRAFFIC, replicas=(row(1, 110), row(1, 10, version=2, in_flight=3)))
    (first, *_) = looks(before, after).replicas
    assert (first.requests_per_second, first.in_flight, first.share) == (2, 3, 100)


def test_a_proxy_that_was_started_anew() -> None:
    """Its totals begin at 0: there is no rate, rather than one that is wrong; what is now is told."""
    seen = looks(replace(TRAFFIC, arrived=1000), replace(TRAFFIC, arrived=3, in_flight=2))
    assert (seen.seconds, seen.requests_per_second, seen.first_byte_p50, seen.in_flight) == (0, 0, None, 2)
    assert {replica.share for replica in seen.replicas} == {None}


@pytest.mark.parametrize("told", [(None, None), (None, TRAFFIC), (TRAFFIC, None)])
def test_an_endpoint_that_does_not_tell(told: tuple[ServiceTraffic | None, ServiceTraffic | None]) -> None:
    """The replicas are shown all the same, without rates."""
    seen = activity(VIEW, *told)
    assert (seen.seconds, seen.requests_per_second) == (0, 0)
    assert [replica.replica_id for replica in seen.replicas] == [1, 2, 3]


counts = st.integers(0, 10**6)


@given(counts, counts, counts, counts)
def test_nothing_is_ever_negative(good: int, bad: int, later_good: int, later_bad: int) -> None:
    """Whatever was let go of between the looks."""
    before, after = (
        replace(TRAFFIC, replicas=(row(1, good, bad),)),
        replace(TRAFFIC, replicas=(row(1, later_good, later_bad),)),
    )
    (first, *_) = looks(before, after).replicas
    assert first.requests_per_second >= 0
    assert first.share is None or 0 <= first.share <= 100
