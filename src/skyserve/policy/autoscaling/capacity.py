"""What replicas of one service can take where they differ by accelerator, and what that costs."""

from skyserve.model.replica import Replica
from skyserve.model.resources import Accelerators, Offer
from skyserve.model.service import Target


def capacity(offer: Offer, target: Target) -> float:
    """Requests a second that a replica there can take, by the user's map of accelerators; 1 where there is no map.

    `L4:2` in the map is looked for before `L4`, and the name that was asked for before that of the device. What the
    map does not have takes the least that is in it (as SkyServe's).
    """
    if not target.capacities:
        return 1.0
    known = {name.lower(): value for name, value in target.capacities.items()}
    devices = [a for a in (offer.request.accelerators, offer.accelerators) if a is not None]
    return next((known[name] for device in devices for name in _names(device) if name in known), min(known.values()))


def _names(device: Accelerators) -> tuple[str, str]:
    return str(device).lower(), device.name.lower()


def cost(offer: Offer, target: Target) -> tuple[float, float]:
    """Sorts offers, the best first: by USD an hour for each request a second; of equals (machines of one's own are all
    free) those that take more, so that fewer are needed."""
    able = capacity(offer, target)
    return offer.hourly_usd / able, -able


def worth(replica: Replica, target: Target) -> tuple[float, float]:
    """Sorts replicas, the first to go first: what costs most for each request a second; of equals what takes least."""
    able = capacity(replica.offer, target)
    return -replica.offer.hourly_usd / able, able
