"""Hours with more replicas: the bounds that hold at one moment, and when others will.

A window begins by the clocks of its time zone: where they are put forward over its time, it begins right after; where
they are put back over it, it begins once.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from skyserve.model.schedule import Window
from skyserve.model.service import Target
from skyserve.model.snapshot import Snapshot


def at_this_hour(snapshot: Snapshot) -> Snapshot:
    """The same with the bounds that the schedule of each version has now."""
    if not any(version.target.schedule for version in snapshot.versions):
        return snapshot
    versions = (replace(v, target=_bounded(v.target, snapshot.now)) for v in snapshot.versions)
    return replace(snapshot, versions=tuple(versions))


def _bounded(target: Target, now: float) -> Target:
    """Windows raise; of those that overlap the highest holds."""
    current = [window for window in target.schedule if _began(window, now) is not None]
    low = max((window.low for window in current), default=0)
    high = max((window.high for window in current), default=0)
    knobs = target.autoscaling
    if knobs is None:
        return replace(target, replicas=max(target.replicas, low + target.overprovision))
    low = max(knobs.low, low)
    return replace(target, autoscaling=replace(knobs, low=low, high=max(knobs.high, high, low)))


def next_change(windows: Iterable[Window], now: float) -> float | None:
    """When another window may begin or end (seconds since the epoch); None where there are none."""
    times = []
    for window in windows:
        begins = _first(window, now)
        began = _began(window, now)
        times += [begins] if began is None else [begins, began + window.seconds]
    return min(times, default=None)


def _began(window: Window, now: float) -> float | None:
    """When the present one began; None outside of it."""
    began = _first(window, now - window.seconds)
    return began if began <= now else None


def _first(window: Window, after: float) -> float:
    """The first beginning later than that."""
    local = datetime.fromtimestamp(after, ZoneInfo(window.timezone))
    begins = (at.timestamp() for at in CronSim(window.cron, local))
    return next(at for at in begins if at > after)
