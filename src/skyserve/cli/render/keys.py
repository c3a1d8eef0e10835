"""`sky serve keys`: API keys, without the keys themselves."""

from collections.abc import Sequence

from skyserve.cli.render.durations import ago, uptime
from skyserve.cli.render.table import table
from skyserve.model.view import KeyView, NewKey


def keys_table(keys: Sequence[KeyView], *, now: float) -> str:
    """One row a key."""
    columns = ["ID", "NAME", "KEY", "CREATED", "LAST USED", "EXPIRES", "LIMITS", "REQUESTS", "TOKENS", "STATE"]
    return table(columns, [_row(key, now) for key in keys])


def _row(key: KeyView, now: float) -> list[str]:
    expired = key.expires_at is not None and key.expires_at <= now
    return [
        str(key.key_id),
        key.name,
        f"{key.prefix}...",
        ago(now - key.created_at),
        "-" if key.last_used_at is None else ago(now - key.last_used_at),
        "-" if key.expires_at is None or expired else f"in {_roughly(key.expires_at - now)}",
        limits_in_words(key) or "-",
        str(key.requests),
        str(key.tokens),
        _state(key, now, expired),
    ]


def _state(key: KeyView, now: float, expired: bool) -> str:
    if expired:
        return "expired"
    if key.spent_until is not None and key.spent_until > now:
        return f"budget spent, full in {_roughly(key.spent_until - now)}"
    return "good"


def limits_in_words(key: KeyView) -> str:
    """`60 requests/min, 100000 tokens/day, priority 2`; empty where there is none."""
    limits = (
        (key.requests_per_minute, "{} requests/min"),
        (key.tokens_per_minute, "{} tokens/min"),
        (key.tokens_per_day, "{} tokens/day"),
        (key.priority or None, "priority {}"),
    )
    return ", ".join(words.format(limit) for limit, words in limits if limit is not None)


def new_key_report(service: str, made: NewKey) -> str:
    """The key, and how to use it."""
    limits, name = limits_in_words(made.about), made.about.name
    return "\n".join(
        [
            f"API key '{name}' of service '{service}'{limits and f' ({limits})'}; it is shown this once:",
            made.key,
            "Send it as header 'Authorization: Bearer KEY', as clients of OpenAI's API do, or as 'x-api-key: KEY'.",
        ]
    )


def open_note(service: str) -> str:
    """That the key opens a door that is not shut."""
    return (
        f"Service '{service}' takes requests without a key, too. To refuse them, write into its YAML\n"
        "  service:\n    load_balancer:\n      require_key: true\n"
        f"and run: sky serve update {service} FILE"
    )


def _roughly(seconds: float) -> str:
    return uptime(seconds).split()[0]
