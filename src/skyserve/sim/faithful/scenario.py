"""What a seed decides before the run begins: the places, the service, its requests, and how often what goes wrong."""

from dataclasses import dataclass
from random import Random

from skyserve.infra.simulated.world import Kind, Zone
from skyserve.sim.faithful.faults import Fault
from skyserve.sim.faithful.software import FLAW

RATES: dict[Fault, tuple[float, float]] = {
    Fault.INFRA_ERROR: (0.02, 0.3),
    Fault.LOST_REPLY: (0.02, 0.3),
    Fault.TIMEOUT: (0.01, 0.1),
    Fault.SLOW_CALL: (0.05, 0.5),
    Fault.NO_CAPACITY: (0.02, 0.4),
    Fault.QUOTA: (0.01, 0.1),
    Fault.UNAUTHORIZED: (0.01, 0.05),
    Fault.DUPLICATE_LAUNCH: (0.05, 0.5),
    Fault.OUTAGE: (0.005, 0.05),
    Fault.DARK_ZONE: (0.001, 0.01),
    Fault.SLOW_BOOT: (0.002, 0.02),
    Fault.LATE_LISTING: (0.005, 0.05),
    Fault.ZOMBIE: (0.005, 0.05),
    Fault.MACHINE_LOST: (0.0005, 0.005),
    Fault.PREEMPTION: (0.0005, 0.005),
    Fault.NOTICE: (0.0005, 0.005),
    Fault.SCARCITY: (0.001, 0.01),
    Fault.SETUP_FAILS: (0.02, 0.2),
    Fault.RUN_DIES: (0.0005, 0.005),
    Fault.SLOW_START: (0.02, 0.2),
    Fault.HANG: (0.001, 0.01),
    Fault.FLAP: (0.01, 0.2),
    Fault.SLOW_PROBE: (0.05, 0.5),
    Fault.STORE_REFUSES: (0.005, 0.1),
    Fault.STORE_LOST_REPLY: (0.005, 0.1),
    Fault.SUPERSEDED: (0.01, 0.2),
    Fault.ROUTER_REFUSES: (0.002, 0.02),
    Fault.ROUTER_SILENT: (0.002, 0.02),
    Fault.CRASH_BEFORE: (0.002, 0.05),
    Fault.CRASH_AFTER: (0.002, 0.05),
    Fault.ASLEEP: (0.0005, 0.005),
    Fault.CLOCK_BACK: (0.1, 0.9),
    Fault.CLOCK_FORWARD: (0.1, 0.9),
    Fault.USER_GIVES_UP: (0.05, 0.5),
}
"""Within which bounds the rate of each fault is drawn, on each occasion that there is for it."""

STORM_SECONDS = (200.0, 1800.0)
ROOM = 40
"""Machines that a zone has where nothing is wrong: more than all services want together."""

FIXED = "  replicas: {low}"
SCALED = """\
  replica_policy:
    min_replicas: {low}
    max_replicas: {high}
    {target}: {per_replica}
    num_overprovision: {extra}
    upscale_delay_seconds: {up}
    downscale_delay_seconds: {down}"""
TASK = """\
service:
  readiness_probe:
    path: /health
    initial_delay_seconds: {patience}
    endpoint_probe_interval_seconds: {interval}
    consecutive_failure_threshold_timeout: {threshold}
  drain_seconds: {drain}
{count}
resources:
  ports: 8080
num_nodes: {nodes}
setup: {setup}
run: serve
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One world, one service in it, and its fate."""

    zones: tuple[Zone, ...]
    task: str
    """The YAML of the service."""
    flawed: bool
    """The user's setup fails wherever it runs."""
    rates: dict[Fault, float]
    storm_seconds: float
    request_rates: tuple[float, ...]
    """Requests a second; the next one each minute, the last one for ever."""
    service_seconds: float
    """How long a request takes, on average."""
    concurrency: int
    """Requests that a replica answers at the same time; more wait."""
    restless: float
    """How often the user does something, on each occasion."""


def draw(random: Random) -> Scenario:
    """A scenario."""
    share = random.uniform(0.1, 0.6)
    flawed = random.random() < 0.05
    return Scenario(
        zones=tuple(_zone(random, f"zone-{number}") for number in range(random.randint(1, 6))),
        task=_task(random, flawed),
        flawed=flawed,
        rates={fault: random.uniform(*bounds) for fault, bounds in RATES.items() if random.random() < share},
        storm_seconds=random.uniform(*STORM_SECONDS),
        request_rates=tuple(random.choice((0.0, 0.0, 0.3, 1.0, 3.0, 6.0)) for _ in range(random.randint(1, 30))),
        service_seconds=random.uniform(0.1, 3.0),
        concurrency=random.choice((1, 2, 8)),
        restless=random.choice((0.0, 0.01, 0.05)),
    )


def _zone(random: Random, name: str) -> Zone:
    price = random.uniform(0.5, 3.0)
    return Zone(
        name,
        region=f"region-{random.randint(1, 3)}",
        kinds=(Kind(hourly_usd=price),),
        capacity=lambda _: ROOM,
        boot_seconds=random.choice((0.0, random.uniform(1, 120))),
        linger_seconds=random.choice((0.0, 0.0, random.uniform(1, 20))),
    )


def _task(random: Random, flawed: bool) -> str:
    return TASK.format(
        patience=random.choice((180, 600)),
        interval=random.choice((2, 5, 10)),
        threshold=random.choice((30, 120)),
        drain=random.choice((0, 10, 60)),
        count=_count(random),
        nodes=random.choice((1, 1, 1, 1, 2)),
        setup=FLAW if flawed else "prepare",
    )


def _count(random: Random) -> str:
    low = random.choice((0, 1, 1, 2, 3))
    if random.random() < 0.5:
        return FIXED.format(low=max(1, low))
    by_rate = random.random() < 0.5
    return SCALED.format(
        low=low,
        high=max(1, low) + random.randint(0, 3),
        target="target_qps_per_replica" if by_rate else "target_concurrency_per_replica",
        per_replica=random.choice((0.5, 1, 2)),
        extra=random.choice((0, 0, 1)),
        up=random.choice((0, 25, 60, 60)),
        down=random.choice((25, 60, 120)),
    )
