"""What a service does now: rates and percentiles, from two looks at what its endpoint counted. No I/O."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from skyserve.model.traffic import Answers, ReplicaTraffic, ServiceTraffic, Spread
from skyserve.model.view import COST_NOTHING, KeyView, ReplicaStatus, ReplicaView, ServiceStatus, ServiceView
from skyserve.policy.autoscaling.first_bytes import Counts, between, percentile


@dataclass(frozen=True)
class ReplicaActivity:
    """One replica in the time between the two looks."""

    replica_id: int
    version: int
    status: ReplicaStatus
    infra: str
    hourly_usd: float
    in_flight: int
    """Requests being answered at the second look."""
    requests_per_second: float
    """That ended, and on which it had the last word."""
    errors_per_second: float
    """Of those, with status 500 or above."""
    first_byte_p50: float | None
    """Seconds to the first byte, of half the answers without error; None: there were none."""
    first_byte_p95: float | None
    ejected: bool
    """It is passed over for a while, since connections to it failed, at the second look."""
    share: float | None
    """Percent of the service's requests that replicas answered; None: there were none, or it is not at the endpoint."""


@dataclass(frozen=True)
class KeyActivity:
    """One API key in that time."""

    name: str
    requests_per_second: float
    """Those too that were refused."""
    refused_per_second: float
    """Of those: by a limit of the key, or since it had expired."""
    tokens_per_second: float
    minute_tokens_left: int | None
    """Of its budget of the minute, at the second look; None: it has none."""
    day_tokens_left: int | None
    """Of the day, likewise."""


@dataclass(frozen=True)
class ServiceActivity:
    """One service in that time."""

    name: str
    version: int
    status: ServiceStatus
    seconds: float
    """Between the two looks; 0: the endpoint cannot tell, so that all rates are 0."""
    ready_replicas: int
    target_replicas: int
    hourly_usd: float
    """Of all machines that it has now."""
    in_flight: int
    """Requests at the second look, those too that no replica has yet."""
    held: int
    """Of those: that wait, since no replica works."""
    queued: int
    """Of those: that wait for their turn, since replicas take only so many at once."""
    connections: int
    """Of clients, at the second look."""
    ejected: int
    """Replicas that are passed over for a while, at the second look."""
    requests_per_second: float
    """That came."""
    errors_per_second: float
    """Requests that ended with status 500 or above, whoever answered."""
    refused_per_second: float
    """That no replica could take."""
    turned_away_per_second: float
    """That found no room in the queue, or had to wait there for too long."""
    waited_p50: float | None
    """Seconds that half of the requests waited that could not go to a replica at once and went on in that time; None:
    there were none."""
    waited_p95: float | None
    retries_per_second: float
    """Attempts that were repeated, and requests that were let go on once there was a replica."""
    received_bytes_per_second: float
    sent_bytes_per_second: float
    first_byte_p50: float | None
    first_byte_p95: float | None
    replicas: list[ReplicaActivity]
    keys: list[KeyActivity]
    """All API keys of the service, by their ids."""


def activity(view: ServiceView, before: ServiceTraffic | None, after: ServiceTraffic | None) -> ServiceActivity:
    """Of one service. None: the endpoint did not tell."""
    seconds = after.at - before.at if before and after else 0.0
    # A total that shrank was begun anew, with the proxy: nothing is known of the time before.
    if before is None or after is None or after.arrived < before.arrived or seconds <= 0:
        before, after, seconds = ServiceTraffic(view.name, view.service_id, 0), after or before, 0.0
    after = after or before
    earlier = {(row.replica_id, row.version): row for row in before.replicas}
    changes = [_Change(earlier.get((r.replica_id, r.version)), r) for r in after.replicas]
    ended = sum(change.ended for change in changes)
    own = _failed(after.own) - _failed(before.own)

    def rate(difference: float) -> float:
        return max(0.0, difference) / seconds if seconds else 0.0

    return ServiceActivity(
        name=view.name,
        version=view.version,
        status=view.status,
        seconds=seconds,
        ready_replicas=view.ready_replicas,
        target_replicas=view.target_replicas,
        hourly_usd=sum(r.hourly_usd for r in view.replicas if r.status not in COST_NOTHING),
        in_flight=after.in_flight,
        held=after.held,
        queued=after.queued,
        connections=after.connections,
        ejected=after.ejected,
        requests_per_second=rate(after.arrived - before.arrived),
        errors_per_second=rate(own + sum(change.failed for change in changes)),
        refused_per_second=rate(after.refused - before.refused),
        turned_away_per_second=rate(after.queue_waits.refused - before.queue_waits.refused),
        waited_p50=_waited(before, after, 50, seconds),
        waited_p95=_waited(before, after, 95, seconds),
        retries_per_second=rate(after.retried - before.retried),
        received_bytes_per_second=rate(after.received_bytes - before.received_bytes),
        sent_bytes_per_second=rate(after.sent_bytes - before.sent_bytes),
        first_byte_p50=_percentile(changes, 50, seconds),
        first_byte_p95=_percentile(changes, 95, seconds),
        replicas=[
            _replica(r, [c for c in changes if c.replica_id == r.replica_id], ended, seconds) for r in view.replicas
        ],
        keys=_keys(before.keys, after.keys, rate),
    )


def _waited(before: ServiceTraffic, after: ServiceTraffic, percent: float, seconds: float) -> float | None:
    """Whatever they waited for."""
    waits = ((before.hold_waits, after.hold_waits), (before.queue_waits, after.queue_waits))
    counts = [between(then.spread.within, now.spread.within) for then, now in waits]
    return percentile(counts, percent) if seconds else None


def _keys(before: Sequence[KeyView], after: Sequence[KeyView], rate: Callable[[float], float]) -> list[KeyActivity]:
    """A key that was made between the looks has been used since it was made."""
    earlier = {key.key_id: (key.requests, key.refused, key.tokens) for key in before}
    found = []
    for key in after:
        requests, refused, tokens = earlier.get(key.key_id, (0, 0, 0))
        found.append(
            KeyActivity(
                name=key.name,
                requests_per_second=rate(key.requests - requests),
                refused_per_second=rate(key.refused - refused),
                tokens_per_second=rate(key.tokens - tokens),
                minute_tokens_left=key.minute_tokens_left,
                day_tokens_left=key.day_tokens_left,
            )
        )
    return found


class _Change:
    """What came between two readings of one replica's counts, while it was of one version."""

    def __init__(self, before: ReplicaTraffic | None, after: ReplicaTraffic) -> None:
        then = before.answers if before else ()
        self.replica_id = after.replica_id
        self.in_flight = after.in_flight
        self.ejected = after.ejected
        # Statistics that were let go of begin anew at 0: then all that there is has come since.
        anew = _ended(then) > _ended(after.answers)
        self.ended = _ended(after.answers) - (0 if anew else _ended(then))
        self.failed = _failed(after.answers) - (0 if anew else _failed(then))
        self.first_bytes: Counts = between((before.first_byte if before else Spread()).within, after.first_byte.within)


def _ended(answers: Iterable[Answers]) -> int:
    return sum(each.count for each in answers)


def _failed(answers: Iterable[Answers]) -> int:
    return sum(each.count for each in answers if each.status >= 500)


def _percentile(changes: Iterable[_Change], percent: float, seconds: float) -> float | None:
    return percentile((change.first_bytes for change in changes), percent) if seconds else None


def _replica(view: ReplicaView, changes: list[_Change], ended: int, seconds: float) -> ReplicaActivity:
    mine = sum(change.ended for change in changes)
    return ReplicaActivity(
        replica_id=view.replica_id,
        version=view.version,
        status=view.status,
        infra=view.infra,
        hourly_usd=view.hourly_usd,
        in_flight=sum(change.in_flight for change in changes),
        requests_per_second=mine / seconds if seconds else 0.0,
        errors_per_second=sum(change.failed for change in changes) / seconds if seconds else 0.0,
        first_byte_p50=_percentile(changes, 50, seconds),
        first_byte_p95=_percentile(changes, 95, seconds),
        ejected=any(change.ejected for change in changes),
        share=100 * mine / ended if changes and ended and seconds else None,
    )
