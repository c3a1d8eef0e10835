"""What API keys have used: counted at once, recorded now and then."""

from skyserve.model.key import KeyUsage
from skyserve.model.plan import Meter
from skyserve.policy.draft import Draft
from skyserve.policy.keys import spent_until, used_by_now

RECORD_SECONDS = 5.0
"""Between records of a key that is used all the time. The endpoint keeps its totals meanwhile, so that nothing is lost
with the controller."""


def meter(draft: Draft) -> None:
    """Add what the endpoint has counted."""
    before = draft.keys
    draft.keys = used_by_now(draft.snapshot)
    changed = tuple(key for key, old in zip(draft.keys, before, strict=True) if key != old)
    due = any(
        _shrunk(old.usage, key.usage)
        or draft.now - old.usage.noted_at >= RECORD_SECONDS
        or spent_until(key.limits, key.usage, draft.now) != spent_until(old.limits, old.usage, draft.now)
        for key, old in zip(draft.keys, before, strict=True)
        if key != old
    )
    if due:
        draft.do(Meter(changed, "what was done with API keys"))


def _shrunk(before: KeyUsage, after: KeyUsage) -> bool:
    """The endpoint counts anew. That is recorded before its total may pass the one that is recorded."""
    return after.read.requests < before.read.requests or after.read.tokens < before.read.tokens
