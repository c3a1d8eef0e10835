"""What a seed decides before the run begins: the places, the service, its requests, and how often what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from skyserve.infra.simulated.world import Kind, Zone
from skyserve.sim.faithful.faults import Fault
from skyserve.sim.faithful.software import FAULTY, FLAW, MUTE
from skyserve.sim.virtual import START

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

STORM_SECONDS = (200.0, 1500.0)
ROOM = 40
"""Machines that a zone has where nothing is wrong: more than all services want together."""

STEP_SECONDS = 120.0
"""How long a zone has so many spot machines; then another number."""

FIXED = "    min_replicas: {low}"
SCALED = """\
    min_replicas: {low}
    max_replicas: {high}
    {target}: {per_replica}
    upscale_delay_seconds: {up}
    downscale_delay_seconds: {down}"""
SPOT = """\
    spot_placer: {placer}
    dynamic_ondemand_fallback: {stand_in}
    base_ondemand_fallback_replicas: {base}"""
UPDATE = """\
  update:
    mode: {mode}
    max_surge: {surge}
    max_unavailable: {unavailable}
    min_ready_seconds: {min_ready}
    progress_deadline_seconds: {deadline}
    automatic_rollback: {rollback}
    canary_steps: [{{traffic: 20, seconds: 20}}, {{traffic: 50, seconds: 30}}]"""
TASK = """\
service:
  readiness_probe:
    path: /health
    initial_delay_seconds: {patience}
    endpoint_probe_interval_seconds: {interval}
    consecutive_failure_threshold_timeout: {threshold}
  drain_seconds: {drain}
  replica_policy:
    num_overprovision: {extra}
{count}
{update}
resources:
  ports: 8080
  use_spot: {spot}
num_nodes: {nodes}
envs: {{MODEL: "{model}"}}
setup: {setup}
run: {run}
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One world, one service in it, and its fate."""

    zones: tuple[Zone, ...]
    tasks: tuple[str, ...]
    """The YAML of the service, and those that it may be updated to."""
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
    return Scenario(
        zones=tuple(_zone(random, f"zone-{number}") for number in range(random.randint(1, 6))),
        tasks=_tasks(random),
        rates={fault: random.uniform(*bounds) for fault, bounds in RATES.items() if random.random() < share},
        storm_seconds=random.uniform(*STORM_SECONDS),
        request_rates=tuple(random.choice((0.0, 0.0, 0.3, 1.0, 3.0, 6.0)) for _ in range(random.randint(1, 20))),
        service_seconds=random.uniform(0.1, 3.0),
        concurrency=random.choice((1, 2, 8)),
        restless=random.choice((0.0, 0.02, 0.1)),
    )


def _zone(random: Random, name: str) -> Zone:
    price = random.uniform(0.5, 3.0)
    return Zone(
        name,
        region=f"region-{random.randint(1, 3)}",
        kinds=(Kind(hourly_usd=price, spot_hourly_usd=price * random.uniform(0.2, 0.6)),),
        capacity=lambda _: ROOM,
        spot_capacity=_market(random),
        boot_seconds=random.choice((0.0, random.uniform(1, 120))),
        notice_seconds=random.choice((0.0, 30.0, 120.0)),
        linger_seconds=random.choice((0.0, 0.0, random.uniform(1, 20))),
    )


def _market(random: Random) -> Callable[[float], int]:
    """Spot machines over time; in the end there are plenty."""
    steps = [random.choice((0, 0, 1, 2, ROOM, ROOM)) for _ in range(random.randint(1, 12))]

    def capacity(now: float) -> int:
        step = int((now - START) / STEP_SECONDS)
        return steps[step] if 0 <= step < len(steps) else ROOM

    return capacity


def _tasks(random: Random) -> tuple[str, ...]:
    """The same service, again and again with something else about it; now and then it is broken from the beginning."""
    about: dict[str, object] = {
        "patience": random.choice((180, 600)),
        "interval": random.choice((2, 5, 10)),
        "threshold": random.choice((30, 120)),
        "drain": random.choice((0, 10, 60)),
        "extra": random.choice((0, 0, 0, 1)),
        "count": _count(random),
        "update": _update(random),
        "spot": "false",
        "nodes": random.choice((1, 1, 1, 1, 2)),
        "model": "first",
        "setup": FLAW if random.random() < 0.05 else "prepare",
        "run": "serve",
    }
    if random.random() < 0.4:
        about |= {"spot": "true", "count": f"{about['count']}\n{_spot(random)}"}
    tasks = [TASK.format(**about)]
    for number in range(random.choice((0, 1, 3))):
        about = {**about, "setup": "prepare", "run": "serve", "update": _update(random)}
        change = random.choice(("model", "model", "model", "nodes", "count", "drain", "setup", "mute", "faulty"))
        changes: dict[str, dict[str, object]] = {
            "model": {"model": f"model {number}"},
            "nodes": {"nodes": 3 - int(str(about["nodes"]))},
            "count": {"count": FIXED.format(low=random.randint(1, 3)), "spot": "false"},
            "drain": {"drain": random.choice((0, 5, 30))},
            "setup": {"setup": FLAW},
            "mute": {"run": MUTE, "patience": 180},
            "faulty": {"run": FAULTY},
        }
        about |= changes[change]
        tasks.append(TASK.format(**about))
    return tuple(tasks)


def _count(random: Random) -> str:
    low = random.choice((0, 1, 1, 2, 3))
    if random.random() < 0.5:
        return FIXED.format(low=max(1, low))
    by_rate = random.random() < 0.5
    return SCALED.format(
        low=low,
        high=max(1, low) + random.randint(1, 3),
        target="target_qps_per_replica" if by_rate else "target_concurrency_per_replica",
        per_replica=random.choice((0.5, 1, 2)),
        up=random.choice((0, 25, 60, 60)),
        down=random.choice((25, 60, 120)),
    )


def _spot(random: Random) -> str:
    placers = ("adaptive", "adaptive", "adaptive", "dynamic_fallback", "even_spread", "round_robin", "cheapest")
    placer, stand_in = random.choice(placers), random.choice(("true", "false"))
    return SPOT.format(
        placer=placer,
        stand_in=stand_in if placer in ("adaptive", "dynamic_fallback") else "false",
        base=random.choice((0, 0, 1)),
    )


def _update(random: Random) -> str:
    surge, unavailable = random.choice((("25%", "0"), ("1", "0"), ("2", "1"), ("0", "1"), ("0", "50%")))
    return UPDATE.format(
        surge=surge,
        unavailable=unavailable,
        mode=random.choice(("rolling", "rolling", "blue_green", "canary")),
        min_ready=random.choice((0, 0, 20)),
        deadline=random.choice((150, 400)),
        rollback=random.choice(("true", "true", "true", "false")),
    )
