"""How long the planner thinks: `python -m bench.planner [--sizes 10 100 1000 10000] [--passes 5]`.

One service of so many replicas that all are ready, in four kinds of passes: nothing happened; one in a hundred is lost;
a tenth more, or fewer, is wanted. The CPU time of the quickest of some passes, for a fixed number, one that follows the
load and one on spot machines, and what that is for each replica: where it does not grow, the planner is linear.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from skyserve.model.autoscaling import Autoscaling, Bucket, Call, ScalingMemory, ScalingPolicy
from skyserve.model.instance import Instance, InstanceState, Node
from skyserve.model.load import Load
from skyserve.model.place import Address, Place
from skyserve.model.placement import Memory, PlaceMemory, Placement
from skyserve.model.replica import Phase, Replica
from skyserve.model.resources import Offer, ResourceRequest
from skyserve.model.route import BackendStatus
from skyserve.model.service import Goal, Service, Target, Version
from skyserve.model.snapshot import Observation, ProbeTally, Snapshot, Stage, TaskStatus
from skyserve.policy.planner import plan

NOW = 1_000_000.0
PORT = 8080
OFFERS = tuple(
    Offer(Place("cloud", f"region-{z % 4}", f"zone-{z}"), "machine", 4, 16, hourly_usd=1.0 + z % 3) for z in range(12)
)


def fleet(size: int, *, autoscaled: bool) -> Snapshot:
    """A service whose replicas are all ready, as many as are wanted."""
    knobs = Autoscaling(ScalingPolicy.CONCURRENCY, 2.0, 1, 2 * size) if autoscaled else None
    busy = Bucket(NOW - 1, 60.0, size, 2.0 * size * 60)
    called = Call(NOW - 9000, size)
    memory = ScalingMemory(size, NOW - 1, size, 0, busy.busy_seconds, buckets=(busy,), calls=(called,))
    service = Service(1, "web", 30001, Goal.RUN, NOW - 9000, first_ready_at=NOW - 8000)
    rows = tuple(_replica(i) for i in range(1, size + 1))
    return Snapshot(
        now=NOW,
        service=replace(service, scaling=memory if autoscaled else None),
        versions=(Version(1, Target(size, PORT, autoscaling=knobs), NOW - 9000, ever_ready=True),),
        replicas=rows,
        observations={row.id: _observation(row) for row in rows},
        offers=OFFERS,
        load=Load(size, 0, busy.busy_seconds, 2 * size),
    )


def on_spot(size: int) -> Snapshot:
    """The same on spot machines of all zones, with a placer that knows them."""
    made = fleet(size, autoscaled=False)
    spot = tuple(replace(o, spot=True, request=ResourceRequest(use_spot=True), hourly_usd=1.0) for o in OFFERS)
    known = {o.place.key: PlaceMemory(losses=1.0, hours=100.0, at=NOW - 1) for o in spot}
    memory = Memory(known, arrived=frozenset(r.id for r in made.replicas), at=NOW - 1, cold_start_seconds=100.0)
    target = replace(made.version.target, requests=(spot[0].request,), placement=Placement(stand_in=True))
    return replace(
        made,
        service=replace(made.service, placement=memory),
        versions=(replace(made.version, target=target),),
        replicas=tuple(replace(r, offer=spot[r.id % len(spot)]) for r in made.replicas),
        offers=(*spot, *OFFERS),
    )


def _replica(number: int) -> Replica:
    offer = OFFERS[number % len(OFFERS)]
    ip = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    instance = Instance(
        f"i-{number}",
        offer.place,
        f"1-{number}",
        "me",
        InstanceState.RUNNING,
        (Node(0, ip),),
        {PORT: Address(ip, PORT)},
    )
    return Replica(1, number, 1, Phase.READY, NOW - 8000, NOW - 8100, offer, instance, None, "", NOW - 8000, NOW - 8000)


def _observation(row: Replica) -> Observation:
    backend = BackendStatus(accepted=True, in_flight=2)
    return Observation(row.instance, task=TaskStatus(Stage.RUN), probe=ProbeTally(passes=9), backend=backend)


def calm(snapshot: Snapshot) -> Snapshot:
    """Nothing happened."""
    return snapshot


def troubled(snapshot: Snapshot) -> Snapshot:
    """One replica in a hundred, one at least, has lost its machine."""
    lost = {r.id: replace(snapshot.observations[r.id], instance=None, absent=True) for r in snapshot.replicas[::100]}
    return replace(snapshot, observations={**snapshot.observations, **lost})


def growing(snapshot: Snapshot) -> Snapshot:
    """A tenth more is wanted than there is."""
    kept = snapshot.replicas[: len(snapshot.replicas) * 10 // 11]
    return replace(snapshot, replicas=kept)


def shrinking(snapshot: Snapshot) -> Snapshot:
    """A tenth more is there than is wanted."""
    version = snapshot.version
    fewer = len(snapshot.replicas) * 10 // 11
    service = snapshot.service
    if service.scaling is not None:
        service = replace(service, scaling=replace(service.scaling, wanted=fewer))
    changed = replace(version, target=replace(version.target, replicas=fewer))
    return replace(snapshot, versions=(changed,), service=service)


PASSES: Mapping[str, Callable[[Snapshot], Snapshot]] = {
    "calm": calm,
    "1 % lost": troubled,
    "10 % more": growing,
    "10 % fewer": shrinking,
}
KINDS: Mapping[str, Callable[[int], Snapshot]] = {
    "fixed": partial(fleet, autoscaled=False),
    "autoscaled": partial(fleet, autoscaled=True),
    "spot": on_spot,
}


def milliseconds(snapshot: Snapshot, passes: int) -> float:
    """CPU time of the quickest of so many passes: what a pass takes when nothing else disturbs it."""
    times = []
    for _ in range(passes):
        began = time.thread_time()
        plan(snapshot)
        times.append(time.thread_time() - began)
    return min(times) * 1000


def main() -> None:
    """One row for each kind of service and pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1_000, 10_000], help="numbers of replicas")
    parser.add_argument("--passes", type=int, default=5, help="passes of which the median is taken")
    arguments = parser.parse_args()
    sizes = sorted(arguments.sizes)
    columns = "".join(f"{f'{size:,} replicas':>18}" for size in sizes)
    print(f"milliseconds a pass (microseconds a replica)\n  {'':24}{columns}")
    for kind, make in KINDS.items():
        worlds = {size: make(size) for size in sizes}
        for name, change in PASSES.items():
            taken = {size: milliseconds(change(world), arguments.passes) for size, world in worlds.items()}
            cells = "".join(f"{f'{ms:.2f} ({ms * 1000 / size:.1f})':>18}" for size, ms in taken.items())
            print(f"  {f'{kind}, {name}':24}{cells}", flush=True)


if __name__ == "__main__":
    main()
