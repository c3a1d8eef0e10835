"""In which order regions are filled with requests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyserve.model.endpoint import EndpointSettings, RegionOrder, RegionSettings
from skyserve.model.place import Place
from skyserve.model.replica import Phase, Replica
from skyserve.model.resources import Accelerators
from skyserve.model.route import BackendStatus
from skyserve.model.service import Target
from skyserve.model.snapshot import ProbeTally
from skyserve.policy.planner import plan
from skyserve.policy.regions import ranks
from skyserve.policy.view import plan_view
from tests.policy import worlds
from tests.policy.worlds import seen, world

EAST, WEST = Place("aws", "us-east-1", "a"), Place("aws", "us-west-2", "b")
LOCAL, POOL = Place("local", zone="localhost"), Place("ssh/rack", zone="host-1")


def at(place: Place, replica_id: int, usd: float = 0.0, phase: Phase = Phase.READY, **changes: Any) -> Replica:
    """A replica there, at such a price."""
    offer = replace(worlds.HERE, place=place, hourly_usd=usd, **changes)
    return worlds.replica(replica_id, phase, offer=offer)


def target(order: RegionOrder = RegionOrder.ANY, *listed: Place, **changes: Any) -> Target:
    """A service whose regions have this order."""
    settings = EndpointSettings(regions=RegionSettings(order, listed))
    return Target(replicas=2, port=8080, endpoint=settings, **changes)


def ranked(wanted: Target, replicas: Sequence[Replica], trips: Mapping[int, float | None] | None = None) -> list[int]:
    """The rank of each, in their order."""
    found = ranks(wanted, replicas, trips or {})
    return [found[replica.id] for replica in replicas]


def test_cheapest_first() -> None:
    """What costs nothing comes before what costs little, and that before what costs much."""
    replicas = [at(EAST, 1, 0.9), at(WEST, 2, 0.3), at(LOCAL, 3), at(POOL, 4)]

    assert ranked(target(RegionOrder.CHEAPEST), replicas) == [2, 1, 0, 0]


def test_a_region_is_as_cheap_as_its_replicas_on_average() -> None:
    """Replicas of one region have one rank, whatever each of them costs."""
    replicas = [at(EAST, 1, 0.1), at(EAST, 2, 0.9), at(WEST, 3, 0.4), at(WEST, 4, 0.4)]

    assert ranked(target(RegionOrder.CHEAPEST), replicas) == [1, 1, 0, 0]


def test_cheap_for_what_it_can_take() -> None:
    """Where replicas differ, the price is that of a request a second."""
    strong = at(EAST, 1, 2.0, accelerators=Accelerators("A100"))
    weak = at(WEST, 2, 1.0, accelerators=Accelerators("L4"))

    assert ranked(target(RegionOrder.CHEAPEST, capacities={"A100": 4, "L4": 1}), [strong, weak]) == [0, 1]


def test_nearest_first() -> None:
    """The region that is reached soonest comes first, by the best of its replicas."""
    replicas = [at(EAST, 1), at(EAST, 2), at(WEST, 3)]

    assert ranked(target(RegionOrder.NEAREST), replicas, {1: 0.3, 2: 0.002, 3: 0.07}) == [0, 0, 1]


def test_nearly_as_near_is_alike() -> None:
    """Times that differ by little or by half are alike, so that noise turns nothing around."""
    replicas = [at(LOCAL, 1), at(POOL, 2), at(EAST, 3), at(WEST, 4)]

    assert ranked(target(RegionOrder.NEAREST), replicas, {1: 0.0001, 2: 0.004, 3: 0.060, 4: 0.080}) == [0, 0, 1, 1]


def test_what_was_not_measured_yet_may_be_near() -> None:
    """Before anything is known all are alike: what is measured first does not get everything."""
    replicas = [at(EAST, 1), at(WEST, 2)]

    assert ranked(target(RegionOrder.NEAREST), replicas, {1: None}) == [0, 0]
    assert ranked(target(RegionOrder.NEAREST), replicas, {1: 0.1, 2: None}) == [1, 0]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ((WEST, LOCAL), [2, 0, 1, 2]),
        ((Place("aws", "us-west-2"), Place("aws")), [1, 0, 2, 2]),
        ((Place("ssh"), Place("local")), [2, 2, 1, 0]),
        ((Place("gcp"), Place("ssh/rack")), [1, 1, 1, 0]),
        ((Place("ssh/other"), Place("local")), [1, 1, 0, 1]),
    ],
)
def test_as_listed(listed: tuple[Place, ...], expected: list[int]) -> None:
    """The first entry that holds a replica decides; what none holds comes last, and what is nowhere leaves no gap."""
    replicas = [at(EAST, 1), at(WEST, 2), at(LOCAL, 3), at(POOL, 4)]

    assert ranked(target(RegionOrder.ANY, *listed), replicas) == expected


places = st.sampled_from([EAST, WEST, LOCAL, POOL, Place("aws", "us-east-1", "c")])
fleets = st.lists(st.tuples(places, st.sampled_from([0.0, 0.1, 0.3, 0.7])), min_size=1, max_size=8).map(
    lambda drawn: [at(place, number, usd) for number, (place, usd) in enumerate(drawn, 1)]
)
times = st.dictionaries(st.integers(1, 8), st.one_of(st.none(), st.floats(0, 1)))
orders = st.one_of(
    st.sampled_from(RegionOrder).map(target),
    st.lists(places, unique=True).map(lambda listed: target(RegionOrder.ANY, *listed)),
)


@given(fleets, times, orders)
def test_somebody_is_always_first(fleet: list[Replica], trips: dict[int, float | None], wanted: Target) -> None:
    """Each replica has a rank, the ranks begin at 0 and have no gaps: a region without replicas holds no place."""
    found = ranked(wanted, fleet, trips)

    assert {*found} == {*range(max(found) + 1)}


@given(fleets, times, orders)
def test_a_region_is_filled_as_one(fleet: list[Replica], trips: dict[int, float | None], wanted: Target) -> None:
    """Two replicas at one place have one rank."""
    by_place: dict[Place, set[int]] = {}
    for replica, rank in zip(fleet, ranked(wanted, fleet, trips), strict=True):
        by_place.setdefault(replica.offer.place, set()).add(rank)

    assert all(len(found) == 1 for found in by_place.values())


@given(fleets, st.sampled_from([0.01, 0.1, 1.0]))
def test_what_becomes_dearer_does_not_come_earlier(fleet: list[Replica], more: float) -> None:
    """A region whose prices rise gives way, and never takes another's place."""
    place = fleet[0].offer.place
    region = (place.infra, place.region)
    dearer = [
        replace(r, offer=replace(r.offer, hourly_usd=r.offer.hourly_usd + more))
        if (r.offer.place.infra, r.offer.place.region) == region
        else r
        for r in fleet
    ]
    before, after = (ranked(target(RegionOrder.CHEAPEST), fleet_) for fleet_ in (fleet, dearer))
    others = [i for i, r in enumerate(fleet) if (r.offer.place.infra, r.offer.place.region) != region]

    assert {i for i in others if after[i] < after[0]} >= {i for i in others if before[i] < before[0]}


def test_the_route_table_has_the_ranks() -> None:
    """Backends bear the rank of their region, and drained ones count for nothing: the dear region is alone by then."""
    cheap, dear = at(EAST, 1, 0.1), at(WEST, 2, 0.9)
    wanted = {"endpoint": target(RegionOrder.CHEAPEST).endpoint}
    routes = plan(world(cheap, dear, target=wanted)).routes
    assert [backend.rank for backend in routes.backends] == [0, 1]
    assert routes.ranked

    draining = at(EAST, 1, 0.1, Phase.DRAINING)
    busy = seen(1, backend=BackendStatus(accepted=False, in_flight=3))
    routes = plan(world(draining, dear, target=wanted, observations={1: busy})).routes
    assert [backend.rank for backend in routes.backends] == [0, 0]
    assert not routes.ranked


def test_a_plan_tells_which_region_is_first() -> None:
    """People see in what order regions are filled, where they have one."""
    ordered = world(at(EAST, 1, 0.9), at(WEST, 2, 0.1), target={"endpoint": target(RegionOrder.CHEAPEST).endpoint})
    alike = world(at(EAST, 1), at(WEST, 2))

    assert [line.partition(", ")[2] for line in plan_view(ordered, plan(ordered)).routes] == [
        "its region second",
        "its region first",
    ]
    assert [line.partition(", ")[2] for line in plan_view(alike, plan(alike)).routes] == ["", ""]


def test_by_the_probes_times() -> None:
    """The nearest region is told by the time that connecting took the probe."""
    near, far = ProbeTally(passes=3, trip=0.001), ProbeTally(passes=3, trip=0.1)
    wanted = {"endpoint": target(RegionOrder.NEAREST).endpoint}
    snapshot = world(at(EAST, 1), at(WEST, 2), target=wanted)
    snapshot = replace(snapshot, observations={1: seen(1, probe=far), 2: seen(2, probe=near)})

    assert [backend.rank for backend in plan(snapshot).routes.backends] == [1, 0]


def test_no_order_no_rank() -> None:
    """A service that asks for no order has replicas that are alike wherever they are."""
    routes = plan(world(at(EAST, 1, 0.1), at(WEST, 2, 0.9))).routes

    assert not routes.ranked
