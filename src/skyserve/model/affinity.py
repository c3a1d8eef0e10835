"""What makes requests meet the same replica, under the policies `prefix_affinity` and `session_affinity`."""

from dataclasses import dataclass

PREFIX_BYTES = 8192
"""Of the prompt, how much tells it from others. A system prompt that all requests share fills the first few thousand
bytes: a shorter beginning would send all of them to one replica. bench/prefix.py has the numbers."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """By what a replica is found."""

    header: str = ""
    """The request header that names the session, in lower case; empty: the cookie does."""
    cookie: str = ""
    """The cookie that names it. Clients without one are given one."""
    prefix_bytes: int = PREFIX_BYTES
    """The longest beginning of a prompt that is looked at."""
    load_percent: int | None = None
    """The most requests in flight that a replica may have, in percent of the average, before others take what would
    be its own; None: no bound."""
