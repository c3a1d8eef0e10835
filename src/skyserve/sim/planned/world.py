"""What a service is simulated in: zones, machines and their prices, and requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skyserve.model.resources import Accelerators, Offer
from skyserve.model.service import Target
from skyserve.sim.requests.engine import Engine
from skyserve.sim.requests.trace import RequestTrace
from skyserve.sim.spot.trace import Trace


@dataclass(frozen=True, slots=True)
class World:
    """Everything but the service. Times in seconds."""

    zones: Trace
    """How many spot machines each zone gives over time; on-demand machines can always be had."""
    requests: RequestTrace
    hours: float
    """How long it goes on."""
    engine: Engine = field(default_factory=Engine)
    provision_seconds: float = 60.0
    """From a launch to the machine being up."""
    setup_seconds: float = 60.0
    """From then to the replica answering its probe."""
    notice_seconds: float = 120.0
    """How long before a spot machine is taken its zone tells; 0: it does not."""
    on_demand_usd: Mapping[str, float] = field(default_factory=lambda: {"": 3.0})
    """Price of a machine by the hour, by its accelerators (`L4`, or `L4:2` for two); "": of any other."""
    spot_usd: Mapping[str, float] = field(default_factory=lambda: {"": 1.0})
    """The same on spot; a third of on-demand is what SkyServe's paper takes."""
    patience: float = 60.0
    """How long somebody whose requests are refused goes on asking."""

    def offers(self, target: Target) -> tuple[Offer, ...]:
        """Of each zone one machine for each alternative that the service would take."""
        return tuple(
            Offer(
                place=place,
                machine="spot" if request.use_spot else "on-demand",
                cpus=request.cpus.value if request.cpus else 4.0,
                memory_gib=request.memory_gib.value if request.memory_gib else 16.0,
                request=request,
                accelerators=request.accelerators,
                spot=request.use_spot,
                hourly_usd=_price(self.spot_usd if request.use_spot else self.on_demand_usd, request.accelerators),
            )
            for request in target.sought
            for place in self.zones.capacity
        )


def _price(prices: Mapping[str, float], accelerators: Accelerators | None) -> float:
    names = (str(accelerators), accelerators.name, "") if accelerators else ("",)
    return next(prices[name] for name in names if name in prices)
