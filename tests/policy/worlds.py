"""Builds snapshots for tests of decisions: a world in a few words."""

from dataclasses import replace
from typing import Any

from skyserve.model.instance import Instance, InstanceState, Node
from skyserve.model.place import Address, Place
from skyserve.model.replica import Phase, Replica
from skyserve.model.resources import Offer
from skyserve.model.route import BackendStatus
from skyserve.model.service import Goal, Service, Target, Version
from skyserve.model.snapshot import Observation, ProbeTally, Snapshot, Stage, TaskStatus

NOW = 1_000_000.0
HERE = Offer(Place("local", zone="localhost"), "localhost", cpus=1, memory_gib=1)
THERE = Offer(Place("ssh/pool", zone="host"), "host", cpus=1, memory_gib=1)
PASSING = ProbeTally(passes=3)
FAILING = ProbeTally(failures=3, detail="status 500")
ACCEPTED = BackendStatus(accepted=True)
RUNNING = TaskStatus(Stage.RUN)


def instance(replica_id: int, state: InstanceState = InstanceState.RUNNING, **changes: Any) -> Instance:
    """The machine of a replica."""
    made = Instance(
        id=f"i-{replica_id}",
        place=HERE.place,
        token=f"1-{replica_id}",
        owner="me",
        state=state,
        nodes=(Node(0, "10.0.0.2"),),
        addresses={8080: Address("10.0.0.2", 8080)},
    )
    return replace(made, **changes)


def replica(replica_id: int, phase: Phase, *, age: float = 5.0, **changes: Any) -> Replica:
    """A replica that entered its phase `age` seconds ago, with a machine if its phase has one."""
    launched = phase not in (Phase.PENDING, Phase.PROVISIONING, Phase.GONE)
    made = Replica(
        service_id=1,
        id=replica_id,
        version=1,
        phase=phase,
        since=NOW - age,
        created_at=NOW - age - 10,
        offer=HERE,
        instance=instance(replica_id) if launched else None,
        ready_since=NOW - age if phase is Phase.READY else None,
        first_ready_at=NOW - age if phase in (Phase.READY, Phase.NOT_READY) else None,
    )
    return replace(made, **changes)


def seen(replica_id: int, **changes: Any) -> Observation:
    """A replica that does well, but for the changes."""
    usual = {"instance": instance(replica_id), "task": RUNNING, "probe": PASSING, "backend": ACCEPTED}
    return Observation(**{**usual, **changes})


def world(
    *replicas: Replica,
    wanted: int = 2,
    observations: dict[int, Observation] | None = None,
    goal: Goal = Goal.RUN,
    service: dict[str, Any] | None = None,
    target: dict[str, Any] | None = None,
    **changes: Any,
) -> Snapshot:
    """One service with these replicas; each does well unless `observations` says otherwise."""
    well = {r.id: seen(r.id) for r in replicas if r.phase is not Phase.GONE}
    made = Snapshot(
        now=NOW,
        service=Service(1, "web", 30001, goal, NOW - 100, **(service or {})),
        versions=(Version(1, Target(replicas=wanted, port=8080, **(target or {})), NOW - 100),),
        replicas=replicas,
        observations={**well, **(observations or {})},
        offers=(HERE,),
    )
    return replace(made, **changes)
