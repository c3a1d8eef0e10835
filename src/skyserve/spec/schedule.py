"""`replica_policy.schedule:`, hours with more replicas."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import model_validator

from skyserve.spec.amounts import Minutes
from skyserve.spec.base import Count, Finding, Model, Text, invalid

_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""To find out whether a time ever comes; which day that is counted from does not matter."""


class ScheduleWindow(Model):
    """A stretch of time that comes again and again."""

    cron: Text
    """When it begins: minute, hour, day of the month, month, day of the week, as in crontab."""
    duration: Minutes
    """How long it lasts: `45m`, `8h`, `2d`."""
    timezone: Text
    """Whose time that is, by its name: Europe/Berlin, America/New_York, UTC."""
    min_replicas: Count | None = None
    """Fewest replicas within it."""
    max_replicas: Count | None = None
    """Most replicas within it."""

    @model_validator(mode="after")
    def _consistent(self) -> "ScheduleWindow":
        if findings := list(self._findings()):
            raise invalid(*findings)
        return self

    def _findings(self) -> Iterator[Finding]:
        if self.duration == 0:
            yield Finding("lasts no time at all", "Write for example 8h.", ("duration",))
        if self.min_replicas is None and self.max_replicas is None:
            yield Finding("changes nothing", "Write min_replicas, max_replicas or both.")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield Finding("no time zone is called so", "Write for example Europe/Berlin, or UTC.", ("timezone",))
        if len(self.cron.split()) != 5:
            remedy = "Write minute, hour, day, month and weekday, such as 0 8 * * mon-fri."
            yield Finding("should have five fields", remedy, ("cron",))
        elif (wrong := _wrong_with(self.cron)) is not None:
            yield Finding(wrong, "Write for example 0 8 * * mon-fri: at eight from Monday to Friday.", ("cron",))


def _wrong_with(cron: str) -> str | None:
    try:
        next(CronSim(cron, _SOME_DAY))
    except CronSimError as error:
        return f"not a time as in crontab ({str(error).lower()})"
    except StopIteration:
        return "a time that never comes"
    return None
