"""Who is kept company while it waits: a client that takes a stream of events, and asks for comments in it."""

from collections.abc import Mapping

from skyserve.endpoint.translate.waiting import KEEPALIVE_HEADER

LONGEST_SECONDS = 300
EVENTS = "text/event-stream"


def pause_wanted(headers: Mapping[str, str]) -> int | None:
    """Seconds between comments that a request asks for, by its headers in lower case; None: it asks for none, or could
    not read them."""
    value = headers.get(KEEPALIVE_HEADER, "")
    wanted = EVENTS in headers.get("accept", "") and value.isascii() and value.isdigit() and len(value) <= 6
    return min(int(value), LONGEST_SECONDS) or None if wanted else None
