"""Which replicas get traffic: those whose probe passes, and those that drain, marked so."""

from skyserve.model.replica import Phase, Replica
from skyserve.model.route import Backend, RouteTable
from skyserve.policy.autoscaling.capacity import capacity
from skyserve.policy.draft import Draft


def route_table(draft: Draft) -> RouteTable:
    """The endpoint's table for the rows as they will be.

    A starting replica whose probe passes is in the table already: it becomes READY once the endpoint has accepted it.
    """
    target = draft.target
    probe = target.probe
    backends = [b for r in draft.replicas() if (b := _backend(draft, r)) is not None]
    plain = probe.method == "GET" and not probe.headers
    return RouteTable(
        service_id=draft.service.id,
        name=draft.service.name,
        port=draft.service.port,
        policy=target.load_balancing_policy,
        backends=tuple(backends),  # ascending, as the rows are
        health_path=probe.path if plain else None,
        stream_timeout=target.stream_timeout,
    )


def passes(draft: Draft, replica: Replica) -> bool:
    """Its probe has passed often enough to be ready."""
    return draft.seen(replica).probe.passes >= draft.target_of(replica).probe.rise


def _backend(draft: Draft, replica: Replica) -> Backend | None:
    address = replica.instance.addresses.get(draft.target_of(replica).port) if replica.instance else None
    if address is None:
        return None
    weight = capacity(replica.offer, draft.target)
    phase = replica.phase
    if phase is Phase.READY or (phase in (Phase.STARTING, Phase.NOT_READY) and passes(draft, replica)):
        return Backend(replica.id, address, weight=weight)
    if phase is Phase.DRAINING:
        return Backend(replica.id, address, draining=True, weight=weight)
    return None
