"""Regions that are filled in order: which replica each request is led to."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skyserve.endpoint.gate.guide import Guide
from skyserve.endpoint.gate.slots import Place, Seat
from skyserve.model.place import Address


def seat(replica_id: int, rank: int, spill_at: float = math.inf, weight: float = 1.0) -> Seat:
    """A replica of a region of that rank."""
    return Seat(replica_id, Address("10.0.0.1", 8000 + replica_id), weight, rank, spill_at)


def guide(*seats: Seat) -> Guide:
    """Leads to these."""
    made = Guide()
    made.follow({one.replica_id: one for one in seats})
    return made


def met(places: Sequence[Place]) -> Counter[int]:
    """How many requests each replica has."""
    return Counter(place.replica_id for place in places if place is not None)


def test_the_first_region_is_filled_before_the_next_gets_any() -> None:
    """Up to the threshold everything goes to the first region, evenly; what is more goes to the next."""
    here = guide(seat(1, 0, 3), seat(2, 0, 3), seat(3, 1, 3), seat(4, 2, 3))

    assert met([here.lead() for _ in range(6)]) == {1: 3, 2: 3}
    assert met([here.lead() for _ in range(3)]) == {3: 3}
    assert met([here.lead() for _ in range(2)]) == {4: 2}


def test_back_at_once() -> None:
    """A place that becomes free in the first region is the one that the next request gets."""
    here = guide(seat(1, 0, 1), seat(2, 1, 1))
    first, second = here.lead(), here.lead()
    assert met([first, second]) == {1: 1, 2: 1}
    here.leave(first)

    assert met([here.lead()]) == {1: 1}


def test_where_all_are_full_all_are_alike() -> None:
    """Beyond the threshold of every region the emptiest replica of all is next."""
    here = guide(seat(1, 0, 2), seat(2, 1, 2))

    assert met([here.lead() for _ in range(10)]) == {1: 5, 2: 5}


def test_what_came_another_way_counts() -> None:
    """Requests that the proxy counts and the guide did not lead fill a region too, and are forgotten when they end."""
    here = guide(seat(1, 0, 2), seat(2, 1, 2))
    here.heed({1: 2, 2: 0})
    assert met([here.lead()]) == {2: 1}

    here.heed({1: 0, 2: 1})
    assert met([here.lead()]) == {1: 1}


def test_what_has_just_ended_does_not_count() -> None:
    """The proxy's count is a little old: what it tells of once and not again is no request that is under way."""
    here = guide(seat(1, 0, 1), seat(2, 1, 1))
    here.heed({1: 0, 2: 0})
    here.heed({1: 1, 2: 0})
    assert met([here.lead()]) == {1: 1}

    here.heed({1: 2, 2: 0})
    here.heed({1: 2, 2: 0})
    assert met([here.lead()]) == {2: 1}


@given(st.integers(0, 100), st.integers(1, 300))
def test_a_split_is_exact_and_each_kind_has_its_regions(percent: int, requests: int) -> None:
    """Canaries get their share to a request, in their own first region; the others get the rest, likewise."""
    here = Guide()
    near, far = (seat(1, 0), seat(2, 1)), (replace(seat(3, 0), canary=True), replace(seat(4, 1), canary=True))
    here.follow({one.replica_id: one for one in (*near, *far)}, percent)

    shares = met([here.lead() for _ in range(requests)])

    assert shares[3] == requests * percent // 100
    assert shares == {replica: count for replica, count in ((1, requests - shares[3]), (3, shares[3])) if count}


def test_a_kind_without_a_replica_is_stood_in_for() -> None:
    """As Envoy does it: better the other version than none."""
    here = Guide()
    here.follow({1: seat(1, 0), 2: seat(2, 1)}, 50)

    assert met([here.lead() for _ in range(4)]) == {1: 4}


def test_without_a_replica_the_proxy_chooses() -> None:
    """Where none is known a request goes on by itself, and its end is no burden."""
    here = guide()
    place = here.lead()
    here.leave(place)

    assert place is None
    assert here.taken == 0


def test_a_region_that_is_gone() -> None:
    """Once the first region has no replica, everything goes to the second; once it has one again, to that."""
    here = guide(seat(1, 0), seat(2, 1))
    here.follow({2: seat(2, 1)})
    assert met([here.lead() for _ in range(3)]) == {2: 3}
    here.follow({1: seat(1, 0), 2: seat(2, 1)})

    assert met([here.lead() for _ in range(3)]) == {1: 3}


events = st.lists(st.one_of(st.just("come"), st.integers(0, 30)), max_size=60)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=6), events)
def test_nobody_goes_further_than_needed(regions: list[tuple[int, int]], steps: list[str | int]) -> None:
    """Whatever comes and goes, no request is led to a region while one before it has room."""
    seats = {n: seat(n, rank, spill_at) for n, (rank, spill_at) in enumerate(regions, 1)}
    here = guide(*seats.values())
    under_way: list[Place] = []
    for step in steps:
        if isinstance(step, int):
            if under_way:
                here.leave(under_way.pop(step % len(under_way)))
            continue
        before = met(under_way)
        place = here.lead()
        assert place is not None
        assert not [s for s in seats.values() if s.rank < place.rank and before[s.replica_id] < s.spill_at]
        under_way.append(place)

    assert here.taken == len(under_way)
