"""What a run came to, in numbers that can be laid side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from skyserve.sim.planned.history import History
from skyserve.sim.planned.traffic import CUT, REFUSED


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table, and one object of its JSON."""

    policy: str
    usd: float
    """What all machines cost."""
    replica_hours: float
    """Of machines that were paid for."""
    spot_share: float
    """Part of these on spot machines."""
    availability: float
    """Share of the time in which as many replicas were ready as were wanted."""
    none_ready: float
    """Share of the time in which none was ready although some were wanted."""
    requests: int
    within_slo: float
    """Share of the requests whose first byte came in time; those that were refused or cut did not get any."""
    first_byte_p50: float
    first_byte_p95: float
    """Seconds to the first byte, of those that got one."""
    answer_p50: float
    answer_p95: float
    """Seconds to the last byte, likewise."""
    waited_mean: float
    """Seconds that a request waited for a place, or asked in vain."""
    held: int
    """Requests that were refused at first and answered when asked again."""
    refused: int
    """Requests that gave up: no replica was there to take them."""
    cut: int
    """Requests whose replica was lost before their end."""
    launches: int
    preemptions: int
    """Spot machines that were taken away, or given back in time on notice."""
    no_room: int
    """Launches that a zone refused."""
    passes: int
    """How often the planner decided."""


def outcome(policy: str, history: History, slo_seconds: float) -> Outcome:
    """Of a run that has ended. `slo_seconds`: what a first byte may take."""
    traffic = history.traffic
    came = traffic.came_between(0.0, history.end)
    answered = [number for number in came if traffic.first[number] >= 0]
    first = sorted(traffic.first[number] for number in answered)
    whole = sorted(traffic.whole[number] for number in answered)
    hours = history.end / 3600
    paid = history.total(lambda m: m.spot + m.on_demand)
    return Outcome(
        policy=policy,
        usd=history.total(lambda m: m.usd_an_hour),
        replica_hours=paid,
        spot_share=history.total(lambda m: m.spot) / paid if paid else 0.0,
        availability=history.total(lambda m: m.ready >= m.wanted) / hours,
        none_ready=history.total(lambda m: m.ready == 0 < m.wanted) / hours,
        requests=len(came),
        within_slo=sum(seconds <= slo_seconds for seconds in first) / len(came) if came else 1.0,
        first_byte_p50=percentile(first, 50),
        first_byte_p95=percentile(first, 95),
        answer_p50=percentile(whole, 50),
        answer_p95=percentile(whole, 95),
        waited_mean=sum(traffic.waited[number] for number in came) / len(came) if came else 0.0,
        held=sum(traffic.asked_again[number] for number in answered),
        refused=sum(traffic.first[number] == REFUSED for number in came),
        cut=sum(traffic.first[number] == CUT for number in came),
        launches=history.launches,
        preemptions=history.taken,
        no_room=history.refusals,
        passes=history.passes,
    )


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The least value that so many percent do not exceed; 0 of nothing."""
    return ascending[max(0, ceil(len(ascending) * percent / 100) - 1)] if ascending else 0.0
