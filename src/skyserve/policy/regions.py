"""Which regions get requests first: the cheapest, the nearest, or as the user listed them."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from skyserve.model.endpoint import RegionOrder, RegionSettings
from skyserve.model.place import Place
from skyserve.model.replica import Replica
from skyserve.model.service import Target
from skyserve.policy.autoscaling.capacity import cost

NEARLY_TIMES, NEARLY_SECONDS = 1.5, 0.005
"""A region is as near as the nearest one if it takes at most so many times as long to connect to, or so much longer.
Below that nobody notices a difference, and the hosts of one data centre, whose times come and go, are alike."""
_DIGITS = 4
"""Of a price in USD an hour, behind the point: means of equal prices may differ by rounding."""
_ELSEWHERE = Place("")
"""Whatever is not in the user's list."""


def ranks(target: Target, replicas: Sequence[Replica], trips: Mapping[int, float | None]) -> Mapping[int, int]:
    """By replica: the place of its region in the order, from 0 up and without gaps. `trips`: seconds to connect.

    Only replicas that take requests should be given: the price and the distance of a region are those of its replicas.
    """
    regions: dict[Place, list[Replica]] = {}
    region_of = _grouping(target.endpoint.regions)
    for replica in replicas:
        regions.setdefault(region_of(replica.offer.place), []).append(replica)
    levels = _levels(target, regions, trips)
    order = sorted({*levels.values()})
    return {r.id: order.index(levels[region]) for region, members in regions.items() for r in members}


def _grouping(settings: RegionSettings) -> Callable[[Place], Place]:
    """What a place is a part of: a region, or, where the user listed them, the first of those that hold it."""

    def listed(place: Place) -> Place:
        return next((known for known in settings.listed if _holds(known, place)), _ELSEWHERE)

    return listed if settings.listed else lambda place: Place(place.infra, place.region)


def _holds(outer: Place, place: Place) -> bool:
    return (
        (place.infra == outer.infra or place.infra.startswith(f"{outer.infra}/"))
        and outer.region in ("", place.region)
        and outer.zone in ("", place.zone)
    )


def _levels(
    target: Target, regions: Mapping[Place, Sequence[Replica]], trips: Mapping[int, float | None]
) -> Mapping[Place, float]:
    """The lower, the better; equal ones are alike."""
    settings = target.endpoint.regions
    if settings.listed:
        listed = [*settings.listed, _ELSEWHERE]
        return {region: listed.index(region) for region in regions}
    match settings.order:
        case RegionOrder.CHEAPEST:
            return {region: _price(target, members) for region, members in regions.items()}
        case RegionOrder.NEAREST:
            return _distances({region: _distance(members, trips) for region, members in regions.items()})
        case RegionOrder.ANY:
            return dict.fromkeys(regions, 0.0)


def _price(target: Target, replicas: Sequence[Replica]) -> float:
    """USD an hour, where replicas differ for each request a second, on average."""
    return round(fmean(cost(replica.offer, target)[0] for replica in replicas), _DIGITS)


def _distance(replicas: Sequence[Replica], trips: Mapping[int, float | None]) -> float:
    """Of the replica that is reached soonest. One of which nothing is known may be the nearest: were it the farthest,
    whatever was measured first would get all requests for a moment."""
    return min(trips.get(replica.id) or 0.0 for replica in replicas)


def _distances(measured: Mapping[Place, float]) -> Mapping[Place, float]:
    """Those that are nearly as near as a nearer one count as that one."""
    levels: dict[Place, float] = {}
    level = 0.0
    for region in sorted(measured, key=lambda region: (measured[region], region)):
        if not levels or measured[region] > max(level * NEARLY_TIMES, level + NEARLY_SECONDS):
            level = measured[region]
        levels[region] = level
    return levels
