"""What API keys have used, and what follows for the endpoint."""

from dataclasses import replace

from skyserve.model.key import Key, KeyCount, KeyLimits, KeyRule, KeyUsage
from skyserve.model.snapshot import Snapshot
from skyserve.model.view import KeyView

_MINUTE, _DAY = 60, 86400
"""Seconds. Budgets are of whole minutes and days since the epoch, so that it is plain when one is full again."""


def noted(usage: KeyUsage, count: KeyCount, now: float) -> KeyUsage:
    """The usage with what the endpoint has counted since. It goes to the present minute and day."""
    requests = _grown(usage.read.requests, count.requests)
    tokens = _grown(usage.read.tokens, count.tokens)
    refused = _grown(usage.read.refused, count.refused)
    if count == usage.read:
        return usage
    minute, day = int(now // _MINUTE), int(now // _DAY)
    return replace(
        usage,
        requests=usage.requests + requests,
        tokens=usage.tokens + tokens,
        last_used_at=now if requests else usage.last_used_at,
        minute=minute,
        minute_tokens=tokens + (usage.minute_tokens if usage.minute == minute else 0),
        day=day,
        day_tokens=tokens + (usage.day_tokens if usage.day == day else 0),
        read=count,
        noted_at=now,
        refused=usage.refused + refused,
    )


def _grown(before: int, after: int) -> int:
    """A total that shrank was begun anew."""
    return after - before if after >= before else after


def spent_until(limits: KeyLimits, usage: KeyUsage, now: float) -> float | None:
    """When the budget of tokens is full again; None: something is left of it."""
    left = zip((_MINUTE, _DAY), tokens_left(limits, usage, now), strict=True)
    ends = [(int(now // seconds) + 1) * seconds for seconds, tokens in left if tokens == 0]
    return float(max(ends)) if ends else None


def tokens_left(limits: KeyLimits, usage: KeyUsage, now: float) -> tuple[int | None, int | None]:
    """Of the budgets of this minute and of this day. None: there is no such budget."""
    budgets = (
        (limits.tokens_per_minute, usage.minute, usage.minute_tokens, _MINUTE),
        (limits.tokens_per_day, usage.day, usage.day_tokens, _DAY),
    )
    minute, day = (
        None if limit is None else max(0, limit - (used if period == int(now // seconds) else 0))
        for limit, period, used, seconds in budgets
    )
    return minute, day


def used_by_now(snapshot: Snapshot) -> tuple[Key, ...]:
    """The keys, with what the endpoint has counted beyond what is recorded. While it cannot tell, that is nothing."""
    counts, now = snapshot.key_counts, snapshot.now
    if counts is None:
        return snapshot.keys
    return tuple(replace(k, usage=noted(k.usage, counts.get(k.id, KeyCount()), now)) for k in snapshot.keys)


def key_views(snapshot: Snapshot) -> list[KeyView]:
    """What people are shown of a service's keys, ascending by id."""
    return [_view(key, snapshot.now) for key in used_by_now(snapshot)]


def _view(key: Key, now: float) -> KeyView:
    minute_tokens_left, day_tokens_left = tokens_left(key.limits, key.usage, now)
    return KeyView(
        key_id=key.id,
        name=key.name,
        prefix=key.prefix,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.usage.last_used_at,
        requests_per_minute=key.limits.requests_per_minute,
        tokens_per_minute=key.limits.tokens_per_minute,
        tokens_per_day=key.limits.tokens_per_day,
        priority=key.limits.priority,
        requests=key.usage.requests,
        refused=key.usage.refused,
        tokens=key.usage.tokens,
        minute_tokens_left=minute_tokens_left,
        day_tokens_left=day_tokens_left,
        spent_until=spent_until(key.limits, key.usage, now),
    )


def rule(key: Key, now: float) -> KeyRule:
    """The key, as the endpoint has to know it."""
    return KeyRule(
        key.id,
        key.digest,
        expires_at=key.expires_at,
        requests_per_minute=key.limits.requests_per_minute,
        priority=key.limits.priority,
        has_budget=key.limits.tokens_per_minute is not None or key.limits.tokens_per_day is not None,
        spent_until=spent_until(key.limits, key.usage, now),
    )
