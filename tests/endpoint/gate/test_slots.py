"""Places at replicas, and which one is next."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.endpoint.gate.slots import Place, Seat, Slots
from skyserve.model.place import Address


def seats(*weights: float) -> dict[int, Seat]:
    """Replicas from 1 up that can take so much."""
    return {n: Seat(n, Address("10.0.0.1", 8000 + n), weight) for n, weight in enumerate(weights, 1)}


def slots(limit: int, *weights: float, choosing: bool = True) -> Slots:
    """Places at such replicas, all of them free."""
    made = Slots()
    made.follow(limit, seats(*weights), (), choosing=choosing)
    return made


def taken(found: list[Place]) -> Counter[int]:
    """How many each replica has."""
    return Counter(place.replica_id for place in found if place is not None)


def test_no_more_than_there_are() -> None:
    """Each replica gets as many as the limit says, and then there are none free."""
    here = slots(3, 1, 1)
    found = [here.take() for _ in range(here.free)]

    assert taken(found) == {1: 3, 2: 3}
    assert here.free == 0


def test_what_is_given_back_is_free_again() -> None:
    """The place that a request leaves is the one that the next gets."""
    here = slots(2, 1, 1)
    found = [here.take() for _ in range(4)]
    here.give_back(found[1])

    assert here.free == 1
    assert here.take() == found[1]


def test_turns_among_the_empty() -> None:
    """Requests that come one after the other do not all meet the same replica."""
    here = slots(1, 1, 1, 1)
    met: list[int] = []
    for _ in range(6):
        place = here.take()
        met += taken([place])
        here.give_back(place)

    assert met == [1, 2, 3, 1, 2, 3]


def test_by_weight() -> None:
    """A replica that can take three times as much has three times as many, until it is full."""
    here = slots(6, 3, 1)

    assert taken([here.take() for _ in range(8)]) == {1: 6, 2: 2}
    assert taken([here.take() for _ in range(4)]) == {2: 4}


def test_strangers_count_until_they_have_ended() -> None:
    """Requests that were under way when the gate began take places, fewer and fewer, and never more again."""
    here = slots(4, 1, 1)
    here.heed({1: 3, 2: 0})
    assert here.free == 5
    found = [here.take() for _ in range(5)]
    assert taken(found) == {1: 1, 2: 4}

    here.heed({1: 3, 2: 4})  # one of the three has ended
    assert here.free == 1
    here.heed({1: 4, 2: 4})  # told late of one that has just ended
    assert here.free == 1
    here.heed({1: 1, 2: 4})
    assert here.free == 3


def test_strangers_at_a_place_of_the_proxys_choice() -> None:
    """Where the proxy chooses, they count all together."""
    here = slots(2, 1, 1, choosing=False)
    here.heed({1: 1, 2: 2})

    assert here.free == 1
    assert here.take() is None
    assert here.free == 0


def test_what_drains_is_no_burden() -> None:
    """The requests of a replica that takes no new ones are its own affair."""
    here = slots(2, 1, 1)
    found = [here.take() for _ in range(4)]
    both = seats(1, 1)
    here.follow(2, {2: both[2]}, {1}, choosing=True)
    assert here.free == 0
    here.give_back(next(place for place in found if place == both[2]))

    assert here.free == 1
    assert here.taken == 3


def test_what_is_gone_has_sent_its_requests_on() -> None:
    """The requests of a replica that is no more are with the others, who have no place for as many."""
    here = slots(2, 1, 1)
    found = [here.take() for _ in range(4)]
    here.follow(2, {2: seats(1, 1)[2]}, (), choosing=True)
    assert here.free == -2
    for place in found:
        here.give_back(place)

    assert (here.free, here.taken) == (2, 0)


@pytest.mark.parametrize("choosing", [True, False])
@given(
    limit=st.integers(1, 4),
    weights=st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=1, max_size=4),
    strangers=st.lists(st.integers(0, 6), max_size=4),
    steps=st.lists(st.integers(0, 20), max_size=60),
)
def test_never_too_many_and_nothing_is_lost(
    choosing: bool, limit: int, weights: list[float], strangers: list[int], steps: list[int]
) -> None:
    """Whoever comes and goes in whatever order: no replica has more than the limit, and in the end all is free."""
    here = slots(limit, *weights, choosing=choosing)
    here.heed(dict(enumerate(strangers[: len(weights)], 1)))
    held: list[Place] = []
    for step in steps:
        if step % 3 and here.free > 0:
            held.append(here.take())
        elif held:
            here.give_back(held.pop(step % len(held)))
        assert here.taken == len(held) <= limit * len(weights)
        assert all(count <= limit for count in taken(held).values())
    here.heed({})
    for place in held:
        here.give_back(place)

    assert (here.taken, here.free) == (0, here.total)
