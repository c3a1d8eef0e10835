"""Spans of time for people."""

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_WORDS = (("day", 86400), ("hr", 3600), ("min", 60), ("sec", 1))


def uptime(seconds: float) -> str:
    """`1d 2h 3m 4s`, without leading zeros; `0s` for less than a second."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def ago(seconds: float) -> str:
    """`2 mins ago`, in the largest unit that gives at least one."""
    for word, size in _WORDS:
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"
