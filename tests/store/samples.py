"""Values that fill every field, for tests of what is kept."""

from dataclasses import replace

from skyserve.model.instance import Instance, InstanceState, Node
from skyserve.model.place import Address, Place
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.resources import Accelerators, Amount, Offer, ResourceRequest

PLACE = Place("ssh/lab", "eu", "node-1")
REQUEST = ResourceRequest(
    infra="ssh/lab",
    cpus=Amount(4, at_least=True),
    memory_gib=Amount(8.5),
    accelerators=Accelerators("A100-80GB", 0.5),
    use_spot=True,
    ports=(8080, 9000),
    max_hourly_cost=3.5,
)
OFFER = Offer(PLACE, "node-1", 8, 32, REQUEST, Accelerators("A100-80GB", 2), spot=True, hourly_usd=1.25)
INSTANCE = Instance(
    id="i-0",
    place=PLACE,
    token="1-1",
    owner="0123456789abcdef",
    state=InstanceState.RUNNING,
    nodes=(Node(0, "10.0.0.1"), Node(1, "10.0.0.2")),
    addresses={8080: Address("127.0.0.1", 21001), 9000: Address("127.0.0.1", 21002)},
    created_at=1000.25,
    doomed_at=2000.5,
)


def ended(replica: Replica) -> Replica:
    """The replica with every field set, on its way out."""
    return replace(
        replica,
        phase=Phase.TERMINATING,
        since=1500.125,
        instance=INSTANCE,
        ended_by=Cause.PREEMPTED,
        detail="the last lines: naïve ☃",
        ready_since=1200.5,
        first_ready_at=1100.5,
        attempts=3,
        retry_at=1600.75,
        renewals=2,
        noticed_at=1450.5,
    )
