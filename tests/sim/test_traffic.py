"""Requests in the queues of replicas."""

import math
from itertools import pairwise
from random import Random

import pytest

from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.place import Address
from skyserve.model.route import Backend
from skyserve.model.service import LoadBalancingPolicy
from skyserve.sim.planned.traffic import CUT, REFUSED, Traffic
from skyserve.sim.requests.engine import Engine
from skyserve.sim.requests.trace import gathered

ENGINE = Engine(prefill_rate=100.0, decode_rate=1.0, places=1)
"""A second for each token of an answer."""


def backend(number: int, *, draining: bool = False, weight: float = 1.0) -> Backend:
    """One replica."""
    return Backend(number, Address("10.0.0.1", number), draining=draining, weight=weight)


def traffic(*requests: tuple[float, int], patience: float = 12.0, engine: Engine = ENGINE, **more: float) -> Traffic:
    """(when it comes, seconds that it takes), each."""
    trace = gathered((at, 0, seconds) for at, seconds in requests)
    return Traffic(trace, engine, LoadBalancingPolicy.LEAST_LOAD, patience, **more)


def test_requests_wait_for_a_place() -> None:
    """A replica with one place answers one after the other."""
    seen = traffic((0, 10), (1, 10), (2, 10))
    seen.route([backend(1)])
    seen.advance(100)
    assert list(seen.whole) == [10, 19, 28]
    assert list(seen.waited) == [0, 9, 18]


def test_the_least_busy_replica_is_chosen() -> None:
    """The third request goes where the first, a short one, has ended."""
    seen = traffic((0, 2), (0, 10), (3, 10))
    seen.route([backend(1), backend(2)])
    seen.advance(100)
    assert list(seen.waited) == [0, 0, 0]


def test_turns_are_taken_by_round_robin() -> None:
    """Each next request goes to the next replica, busy or not."""
    trace = gathered((float(at), 0, seconds) for at, seconds in [(0, 2), (0, 10), (3, 1), (4, 1)])
    seen = Traffic(trace, ENGINE, LoadBalancingPolicy.ROUND_ROBIN, 0.0)
    seen.route([backend(1), backend(2)])
    seen.advance(100)
    assert sorted(seen.waited) == [0, 0, 0, 6]


def test_a_heavier_replica_has_more_places_and_gets_more() -> None:
    """Three quarters of the requests in flight go to the one that takes three times as many."""
    seen = traffic(*[(0.0, 50)] * 8, engine=Engine(100.0, 1.0, places=6), heaviest=3.0)
    seen.route([backend(1, weight=3.0), backend(2, weight=1.0)])
    seen.advance(10)
    assert (seen.in_flight(1), seen.in_flight(2)) == (6, 2)
    assert list(seen.waited) == [0.0] * 8


def test_whoever_is_refused_asks_again_until_patience_ends() -> None:
    """Every five seconds; the first gave up before a replica came, the second was answered on its third try."""
    seen = traffic((0, 1), (5, 1))
    seen.advance(14)
    assert (seen.load(14).arrived, seen.load(14).refused) == (5, 5)
    seen.route([backend(1)])
    seen.advance(100)
    assert list(seen.first) == [REFUSED, 10]
    assert seen.load(100).arrived == 6


def test_a_lost_replica_cuts_what_it_had() -> None:
    """What it had answered stays answered; what comes after goes elsewhere."""
    seen = traffic((0, 2), (3, 10), (4, 10), (6, 1))
    seen.route([backend(1)])
    seen.advance(5)
    seen.lose(1, 5)
    assert (seen.load(5).in_flight, seen.in_flight(1), seen.refuses) == (0, 0, True)
    seen.route([backend(2)])
    seen.advance(100)
    assert list(seen.first) == [0, CUT, CUT, 0]


def test_a_draining_replica_finishes_and_gets_nothing_new() -> None:
    """It tells when it will be idle."""
    seen = traffic((0, 10), (1, 1))
    seen.route([backend(1)])
    seen.advance(0.5)
    seen.route([backend(1, draining=True), backend(2)])
    seen.advance(5)
    assert (seen.idle_at(1), seen.in_flight(1), seen.in_flight(2)) == (10, 1, 0)
    assert seen.whole[1] == 1


@pytest.mark.parametrize("seed", range(5))
def test_busy_seconds_are_what_was_in_flight(seed: int) -> None:
    """However often it is read, the integral grows by the requests in flight (Little's law)."""
    chance = Random(seed)
    seen = traffic(*((chance.uniform(0, 100), chance.randint(1, 9)) for _ in range(100)))
    seen.route([backend(1), backend(2), backend(3)])
    readings = [seen.load(0)]
    for at in sorted(chance.uniform(0, 400) for _ in range(50)):
        seen.advance(at)
        readings.append(seen.load(at))
    assert all(before.busy_seconds <= after.busy_seconds + 1e-9 for before, after in pairwise(readings))
    seen.advance(1e6)
    assert seen.load(1e6).busy_seconds == pytest.approx(sum(seen.whole))


def test_first_bytes_are_counted_when_answers_end() -> None:
    """As the endpoint sees it: from asking a replica, its queue included; each within all greater bounds."""
    seen = traffic((0, 2), (0, 3), (1, 9))
    seen.route([backend(1)])
    seen.advance(5.5)
    within = dict(zip(FIRST_BYTE_BOUNDS, seen.load(5.5).first_bytes, strict=True))
    assert (within[0.001], within[1.6], within[2], within[800]) == (1, 1, 2, 2)
    seen.advance(100)
    assert (seen.load(100).first_bytes[-1], max(seen.waited)) == (3, 4)


def test_queues_are_as_long_as_theory_has_them() -> None:
    """One replica of four places at 60 % of what it can take: the mean wait of M/M/4 is Erlang's C formula."""
    chance, places, load = Random(1), 4, 2.4
    at, requests = 0.0, []
    for _ in range(100_000):
        at += chance.expovariate(load)
        requests.append((at, 0, round(1000 * chance.expovariate(1.0))))
    seen = Traffic(gathered(requests), Engine(1.0, 1000.0, places), LoadBalancingPolicy.LEAST_LOAD, 0.0)
    seen.route([backend(1)])
    seen.advance(at + 1e6)
    last = load**places / math.factorial(places) * places / (places - load)
    waits = last / (sum(load**k / math.factorial(k) for k in range(places)) + last)
    assert sum(seen.waited) / len(requests) == pytest.approx(waits / (places - load), rel=0.1)
