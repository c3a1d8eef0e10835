"""The contract over a simulated world."""

from collections.abc import Sequence

from skyserve.contracts.errors import NoCapacity, Transient, Unsupported
from skyserve.contracts.infra import CheckResult, LaunchOrder, Shell
from skyserve.infra.simulated.shell import SimulatedShell
from skyserve.infra.simulated.world import Kind, Machine, World, Zone
from skyserve.model.instance import Instance, InstanceState, Inventory, Node
from skyserve.model.place import Address, Place
from skyserve.model.resources import Amount, Offer, ResourceRequest


class SimulatedInfra:
    """Keeps contracts/infra.py in memory."""

    def __init__(self, world: World, name: str = "simulated") -> None:
        self.world = world
        self._name = name

    @property
    def name(self) -> str:
        """What users would write in `infra:`."""
        return self._name

    def covers(self, place: Place) -> bool:
        """The place is one of the world's zones."""
        return place.infra == self._name and place.zone in self.world.zones

    async def check(self) -> CheckResult:
        """Always to be used."""
        zones = tuple(f"{zone.name}: {len(zone.kinds)} kinds of machines" for zone in self.world.zones.values())
        return CheckResult(self._name, True, f"{len(zones)} simulated zones", zones)

    async def offers(self, request: ResourceRequest, num_nodes: int) -> Sequence[Offer]:
        """The cheapest kind of each zone that is large enough."""
        self.world.raise_faults("offers", None)
        found = [self._offer(zone, request) for zone in self.world.zones.values() if _wanted(zone, request)]
        return sorted((offer for offer in found if offer is not None), key=lambda offer: offer.hourly_usd)

    async def launch(self, order: LaunchOrder, token: str) -> Instance:
        """Start a machine, or find the one that the token started."""
        zone = self.world.zones.get(order.offer.place.zone)
        if zone is None:
            raise Unsupported(
                f"{self._name} has no zone {order.offer.place.zone!r}; it has {', '.join(self.world.zones)}"
            )
        self.world.raise_faults("launch", order.offer.place)
        self.world.settle()
        known = [
            m for m in self.world.machines.values() if (m.instance.owner, m.instance.token) == (order.owner, token)
        ]
        machine = known[0] if known else self._start(order, token, zone)
        self.world.raise_faults("launch", order.offer.place, after=True)
        return machine.instance

    async def inventory(self, owner: str) -> Inventory:
        """All machines of the owner in zones that can be reached."""
        self.world.raise_faults("inventory", None)
        self.world.settle()
        unreachable = frozenset(self._place(zone) for zone in self.world.zones.values() if not zone.reachable)
        if len(unreachable) == len(self.world.zones):
            raise Transient(f"{self._name} does not answer")
        return Inventory(
            instances=tuple(
                machine.instance
                for machine in self.world.machines.values()
                if machine.instance.owner == owner and machine.zone.reachable and self.covers(machine.instance.place)
                if machine.listed_at <= self.world.clock.now()
            ),
            unreachable=unreachable,
        )

    async def terminate(self, instance: Instance) -> None:
        """Remove it, or let it linger where its zone is slow."""
        self.world.raise_faults("terminate", instance.place)
        self.world.machine(instance.id, instance.place)
        self.world.release(instance.id)
        self.world.raise_faults("terminate", instance.place, after=True)

    def shell(self, instance: Instance, rank: int = 0) -> Shell:
        """Reach one node."""
        return SimulatedShell(self.world, instance, rank)

    async def close(self) -> None:
        """Nothing is held."""

    def _place(self, zone: Zone) -> Place:
        return Place(self._name, zone.region, zone.name)

    def _offer(self, zone: Zone, request: ResourceRequest) -> Offer | None:
        priced = [(price, kind) for kind in zone.kinds if (price := _price(kind, request)) is not None]
        if not priced:
            return None
        price, kind = min(priced, key=lambda pair: pair[0])
        return Offer(
            place=self._place(zone),
            machine=kind.name,
            cpus=kind.cpus,
            memory_gib=kind.memory_gib,
            request=request,
            accelerators=kind.accelerators,
            spot=request.use_spot,
            hourly_usd=price,
        )

    def _start(self, order: LaunchOrder, token: str, zone: Zone) -> Machine:
        now = self.world.clock.now()
        here = [m for m in self.world.machines.values() if m.zone is zone and m.stopped_at is None]
        held = sum(len(machine.instance.nodes) for machine in here)
        limit = zone.capacity(now)
        spot_held = sum(len(machine.instance.nodes) for machine in here if machine.offer.spot)
        if order.offer.spot:
            limit = min(limit, held - spot_held + zone.spot_capacity(now))
        if held + order.num_nodes > limit:
            raise NoCapacity(
                f"{order.offer.place}: asked for {order.num_nodes}, {max(0, limit - held)} of {limit} free"
            )
        number = len(self.world.launches) + 1
        # Documentation's own network (RFC 2544), so that no simulated address is anybody's.
        ips = [f"198.{18 + number // 256 % 2}.{number % 256}.{rank + 1}" for rank in range(order.num_nodes)]
        instance = Instance(
            id=f"{self._name}-{number}",
            place=order.offer.place,
            token=token,
            owner=order.owner,
            state=InstanceState.PENDING if zone.boot_seconds > 0 else InstanceState.RUNNING,
            nodes=tuple(Node(rank, ip) for rank, ip in enumerate(ips)),
            addresses={port: Address(ips[0], port) for port in order.ports},
            created_at=now,
        )
        machine = Machine(instance, zone, order.offer, now + zone.boot_seconds, now + zone.unlisted_seconds)
        self.world.machines[instance.id] = machine
        self.world.launches.append(instance)
        return machine


def _wanted(zone: Zone, request: ResourceRequest) -> bool:
    return request.zone in (None, zone.name) and request.region in (None, zone.region)


def _price(kind: Kind, request: ResourceRequest) -> float | None:
    """What the kind costs for this request; None if it does not do."""
    wanted, had = request.accelerators, kind.accelerators
    if wanted is not None:
        if had is None or had.name.lower() != wanted.name.lower() or had.count < wanted.count:
            return None
    elif had is not None:
        return None
    if request.instance_type not in (None, kind.name):
        return None
    if not _enough(kind.cpus, request.cpus) or not _enough(kind.memory_gib, request.memory_gib):
        return None
    price = kind.spot_hourly_usd if request.use_spot else kind.hourly_usd
    if price is None or (request.max_hourly_cost is not None and price > request.max_hourly_cost):
        return None
    return price


def _enough(had: float, wanted: Amount | None) -> bool:
    return wanted is None or had >= wanted.value
