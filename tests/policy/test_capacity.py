"""Replicas that differ by accelerator: what each can take, which is added first, and which goes first."""

from dataclasses import replace

import pytest

from skyserve.model.autoscaling import Autoscaling, Call, ScalingMemory, ScalingPolicy
from skyserve.model.load import Load
from skyserve.model.place import Address, Place
from skyserve.model.plan import Create
from skyserve.model.replica import Phase, Replica
from skyserve.model.resources import Accelerators, Offer, ResourceRequest
from skyserve.model.service import Service, Target
from skyserve.model.snapshot import Snapshot
from skyserve.policy.autoscaling.capacity import capacity, worth
from skyserve.policy.autoscaling.fleet import fleet_of
from skyserve.policy.placement import Chooser
from skyserve.policy.planner import plan
from tests.policy.worlds import NOW, replica, world

CAPACITIES = {"A100": 3.0, "L4": 1.0, "L4:2": 2.5}
TARGET = Target(1, 8080, capacities=CAPACITIES)
KNOBS = Autoscaling(ScalingPolicy.INSTANCE_AWARE, per_replica=1, low=0, high=10, upscale_delay=0)


def offer(name: str, count: float = 1, *, usd: float = 0.0, asked: str | None = None) -> Offer:
    """A machine with so many devices, at a place of its own; `asked`: the name in the YAML."""
    request = ResourceRequest(accelerators=Accelerators(asked or name, count))
    place = Place("ssh/pool", zone=f"{name}-{count:g}-{usd:g}")
    return Offer(place, place.zone, 8, 64, request, Accelerators(name, count), hourly_usd=usd)


L4, L4S, A100 = offer("L4", usd=1.0), offer("L4", 2, usd=2.0), offer("A100", usd=4.5)


def remembering(wanted: int) -> Service:
    """A service that was looked at a minute ago, and had no request then."""
    return replace(world().service, scaling=ScalingMemory(wanted, NOW - 60, calls=(Call(NOW - 3600, wanted),)))


def mixed(**changes: object) -> Snapshot:
    """A service of replicas that differ, with three kinds of machines to be had."""
    target = {"capacities": CAPACITIES, "autoscaling": KNOBS}
    return replace(world(target=target, offers=(A100, L4, L4S)), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "takes"),
    [
        (L4, 1.0),
        (L4S, 2.5),
        (A100, 3.0),
        (offer("A100", 8), 3.0),
        (offer("NVIDIA l4", asked="l4"), 1.0),
        (offer("T4"), 1.0),
        (replace(L4, accelerators=None, request=ResourceRequest()), 1.0),
    ],
)
def test_capacity(given: Offer, takes: float) -> None:
    """With the number of devices first, then by the name alone, whatever its case; the unknown takes the least."""
    assert capacity(given, TARGET) == takes


def test_all_are_alike_without_a_map() -> None:
    """Where users gave one number, or none, no replica weighs more than another."""
    assert capacity(A100, Target(1, 8080)) == capacity(L4, Target(1, 8080)) == 1.0


def chosen(snapshot: Snapshot, *rows: Replica) -> Offer | None:
    """Where the next replica goes."""
    return Chooser(snapshot, snapshot.offers, rows, ()).choose().offer


def test_what_is_added_is_the_cheapest_for_what_it_takes() -> None:
    """2 USD for 2.5 requests a second before 1 for one; once that place rests, 1 for one before 4.5 for three."""
    assert chosen(mixed()) == L4S
    refused = replica(1, Phase.GONE, offer=L4S, ended_by="no_capacity")
    assert chosen(mixed(), refused) == L4


def test_of_free_machines_the_largest_comes_first() -> None:
    """Machines of one's own cost nothing, so that fewer and larger ones are used."""
    free = tuple(replace(o, hourly_usd=0.0) for o in (L4, A100, L4S))
    assert chosen(mixed(offers=free)) == free[1]


def test_the_dearest_for_what_it_takes_goes_first() -> None:
    """1.5 USD for each request a second, then 1, then 0.8; and what is not ready before all of them."""
    living = [replica(n, Phase.READY, offer=o) for n, o in enumerate((L4, L4S, A100), 1)]
    assert [r.id for r in sorted(living, key=lambda r: worth(r, TARGET))] == [3, 1, 2]
    starting = replica(4, Phase.STARTING, offer=L4S)
    assert fleet_of([*living, starting], (A100, L4S), TARGET).living == (2.5, 1.0, 3.0, 2.5)
    assert fleet_of(living, (A100, L4S), TARGET).offers == (2.5, 3.0)


def test_it_wakes_from_zero_and_grows_by_what_is_missing() -> None:
    """The first request brings one replica; eight a second, where one that takes 2.5 lives, bring three more."""
    asleep = mixed(load=Load(arrived=1, refused=1), service=remembering(0))
    assert [a.offer for a in plan(asleep).actions if isinstance(a, Create)] == [L4S]
    busy = mixed(replicas=(replica(1, Phase.READY, offer=L4S),), load=Load(arrived=480), service=remembering(1))
    assert sum(isinstance(a, Create) for a in plan(busy).actions) == 3


def test_the_endpoint_is_told_what_each_can_take() -> None:
    """A backend has the weight of its accelerator, while it drains too."""
    rows = (replica(1, Phase.READY, offer=A100), replica(2, Phase.DRAINING, offer=L4, age=1))
    backends = plan(mixed(replicas=rows)).routes.backends
    assert [(b.replica_id, b.weight, b.address) for b in backends] == [
        (1, 3.0, Address("10.0.0.2", 8080)),
        (2, 1.0, Address("10.0.0.2", 8080)),
    ]
