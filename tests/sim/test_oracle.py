"""The bench's oracle, by which autoscaling policies are measured."""

from dataclasses import replace

import pytest

from bench.oracle import SHARES, attained, bills, hours_for, needs, peaks
from bench.queueing import measured, policies
from skyserve.model.place import Place
from skyserve.model.service import LoadBalancingPolicy
from skyserve.sim.planned.traffic import Traffic
from skyserve.sim.planned.world import World
from skyserve.sim.requests.engine import Engine
from skyserve.sim.requests.generated import generate
from skyserve.sim.requests.trace import gathered
from skyserve.sim.spot.trace import Trace

WORLD = World(Trace(7200.0, {Place("cloud"): (0,)}), generate(3, rate=2.0, hours=2), hours=2.0, engine=Engine(places=4))


def test_a_need_is_met_for_as_long_as_it_lasts() -> None:
    """A replica that is needed again within a cold start is kept; otherwise it is started anew."""
    assert [(n.begin, n.end) for n in needs([1, 1, 0, 1, 2], cold_start=10.0)] == [(0, 50), (40, 50)]
    assert [(n.begin, n.end) for n in needs([1, 0, 0, 1, 1], cold_start=10.0)] == [(0, 10), (30, 50)]
    assert list(needs([], cold_start=10.0)) == []


def test_peaks_are_those_of_requests_that_never_wait() -> None:
    """Two requests that overlap make two, also in a slot in which none comes."""
    engine = Engine(prefill_rate=100.0, decode_rate=1.0)
    world = replace(WORLD, requests=gathered([(0.0, 0, 25), (5.0, 0, 30)]), engine=engine, hours=0.0125)
    assert peaks(world) == [2, 2, 2, 1, 0]


def test_the_first_plan_lets_nobody_wait() -> None:
    """And others cost less and let more wait."""
    bought = bills(WORLD, 0.0, 0.0)
    assert bought[0].attained == 1.0
    shares = bought[: len(SHARES)]
    assert [b.replica_hours for b in shares] == sorted((b.replica_hours for b in shares), reverse=True)
    assert shares[-1].attained < 0.9
    assert hours_for(bought, 0.0) == min(b.replica_hours for b in bought)
    assert hours_for(bought, 1.0) <= bought[0].replica_hours


def test_no_policy_is_cheaper_than_the_oracle() -> None:
    """At what it attains, each policy pays more."""
    bought = bills(WORLD, 1.0, 1800.0)
    for knobs in policies(WORLD, 0.75).values():
        bill = measured(WORLD, replace(knobs, upscale_delay=30, downscale_delay=300), 1800.0)
        assert 0.5 < bill.attained <= 1.0
        assert hours_for(bought, bill.attained) < bill.replica_hours < 3 * hours_for(bought, bill.attained)


def test_who_is_refused_is_not_served_in_time() -> None:
    """Attained is a share of all that came."""
    traffic = Traffic(gathered([(0.0, 1, 1)]), Engine(), LoadBalancingPolicy.LEAST_LOAD, 0.0)
    traffic.advance(10.0)
    assert attained(traffic, 1.0, 0.0, 10.0) == 0.0
    assert attained(traffic, 1.0, 5.0, 10.0) == pytest.approx(1.0)
