"""Builds snapshots of services on spot machines."""

from dataclasses import replace
from typing import Any

from skyserve.model.place import Place
from skyserve.model.placement import Placement
from skyserve.model.replica import Phase, Replica
from skyserve.model.resources import Offer, ResourceRequest
from skyserve.model.snapshot import Snapshot
from tests.policy.worlds import instance, replica, world

SPOT_REQUEST = ResourceRequest(use_spot=True)


def spot(zone: str, price: float = 1.0) -> Offer:
    """What a zone sells by spot."""
    return Offer(Place("cloud", "west", zone), "m", 4, 16, SPOT_REQUEST, spot=True, hourly_usd=price)


def on_demand(zone: str, price: float = 3.0) -> Offer:
    """What a zone sells on demand."""
    return Offer(Place("cloud", "west", zone), "m", 4, 16, hourly_usd=price)


SPOTS = (spot("a"), spot("b"), spot("c"))
ON_DEMANDS = (on_demand("a"), on_demand("b", 3.5))


def on(offer: Offer, replica_id: int, phase: Phase, **changes: Any) -> Replica:
    """A replica on that machine."""
    made = replica(replica_id, phase, offer=offer, **changes)
    return made if made.instance is None else replace(made, instance=replace(made.instance, place=offer.place))


def doomed(row: Replica, now: float, left: float, since: float = 0.0) -> Replica:
    """The replica, with a notice seen `since` seconds ago that its machine goes in `left` seconds."""
    machine = replace(row.instance or instance(row.id), doomed_at=now + left)
    return replace(row, instance=machine, noticed_at=now - since)


def market(*replicas: Replica, placement: Placement | None = None, wanted: int = 3, **changes: Any) -> Snapshot:
    """A service that asks for spot machines, with these replicas; those that give notice are observed so."""
    target = {
        "requests": (SPOT_REQUEST,),
        "placement": placement or Placement(stand_in=True),
        **changes.pop("target", {}),
    }
    offers = changes.pop("offers", SPOTS + ON_DEMANDS)
    made = world(*replicas, wanted=wanted, target=target, offers=offers, **changes)
    seen = {
        r.id: replace(made.observations[r.id], instance=r.instance)
        for r in replicas
        if r.phase is not Phase.GONE and r.instance is not None and r.id not in changes.get("observations", {})
    }
    return replace(made, observations={**made.observations, **seen})
