"""What API keys use up, and what follows: stories, and what holds for all of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from skyserve.model.endpoint import EndpointSettings
from skyserve.model.key import Key, KeyCount, KeyLimits, KeyUsage
from skyserve.model.plan import Meter
from skyserve.model.snapshot import Snapshot
from skyserve.policy.keys import key_views, noted, spent_until, tokens_left
from skyserve.policy.planner import plan
from tests.policy.worlds import NOW, world

DAY = 86400


def key(limits: KeyLimits | None = None, usage: KeyUsage | None = None) -> Key:
    """Of the service in the snapshots below."""
    return Key(3, "mobile", "sk-abc", "hash", NOW - 1000, None, limits or KeyLimits(), usage or KeyUsage())


def counted(key: Key, count: KeyCount | None, now: float = NOW) -> Snapshot:
    """The endpoint has counted so much of it; None: it cannot tell."""
    counts = None if count is None else {key.id: count}
    return world(
        wanted=0, target={"endpoint": EndpointSettings(require_key=True)}, keys=(key,), key_counts=counts, now=now
    )


def metered(snapshot: Snapshot) -> list[KeyUsage]:
    """What is recorded in the next pass."""
    return [key.usage for action in plan(snapshot).actions if isinstance(action, Meter) for key in action.keys]


def test_what_is_counted_is_recorded() -> None:
    """With the first look; a second one that shows the same records nothing."""
    (usage,) = metered(counted(key(), KeyCount(2, 30)))

    assert (usage.requests, usage.tokens, usage.last_used_at) == (2, 30, NOW)
    assert metered(counted(key(usage=usage), KeyCount(2, 30), NOW + 60)) == []


def test_records_are_few() -> None:
    """What comes in the next seconds waits, and is in no way lost."""
    (usage,) = metered(counted(key(), KeyCount(1, 10)))

    assert metered(counted(key(usage=usage), KeyCount(2, 20), NOW + 1)) == []
    (later,) = metered(counted(key(usage=usage), KeyCount(3, 30), NOW + 6))
    assert (later.requests, later.tokens) == (3, 30)
    (view,) = key_views(counted(key(usage=usage), KeyCount(2, 20), NOW + 1))
    assert (view.requests, view.tokens) == (2, 20)


def test_an_endpoint_that_counts_anew() -> None:
    """After its restart totals begin at 0: that is recorded at once, and nothing is counted twice or lost."""
    (usage,) = metered(counted(key(), KeyCount(10, 500)))

    (restarted,) = metered(counted(key(usage=usage), KeyCount(1, 20), NOW + 1))
    assert (restarted.requests, restarted.tokens) == (11, 520)
    (silent,) = metered(replace(counted(key(usage=usage), KeyCount(), NOW + 1), key_counts={}))
    assert (silent.requests, silent.tokens, silent.read) == (10, 500, KeyCount())


def test_an_endpoint_that_cannot_tell() -> None:
    """Nothing changes."""
    (usage,) = metered(counted(key(), KeyCount(10, 500)))

    assert metered(counted(key(usage=usage), None, NOW + 60)) == []


def test_a_spent_budget_reaches_the_endpoint_in_the_same_pass() -> None:
    """However short ago something was recorded; with the next window the key is good again."""
    limits = KeyLimits(tokens_per_day=100)
    (usage,) = metered(counted(key(limits), KeyCount(1, 99)))
    assert plan(counted(key(limits, usage), KeyCount(1, 99), NOW + 1)).routes.keys[0].spent_until is None

    made = plan(counted(key(limits, usage), KeyCount(2, 100), NOW + 1))

    (rule,), midnight = made.routes.keys, (NOW // DAY + 1) * DAY
    assert rule.spent_until == midnight
    (spent,) = metered(counted(key(limits, usage), KeyCount(2, 100), NOW + 1))
    assert plan(counted(key(limits, spent), KeyCount(2, 100), midnight)).routes.keys[0].spent_until is None


def test_both_budgets_hold() -> None:
    """A key is refused until the later of two windows ends."""
    usage = noted(KeyUsage(), KeyCount(1, 50), NOW)
    minute_end = (NOW // 60 + 1) * 60

    assert spent_until(KeyLimits(tokens_per_minute=50), usage, NOW) == minute_end
    assert spent_until(KeyLimits(tokens_per_minute=50, tokens_per_day=1000), usage, NOW) == minute_end
    assert spent_until(KeyLimits(tokens_per_minute=50, tokens_per_day=50), usage, NOW) == (NOW // DAY + 1) * DAY
    assert spent_until(KeyLimits(tokens_per_minute=50), usage, minute_end) is None


def test_what_is_left_of_budgets_is_shown() -> None:
    """Of the present minute and day; less than nothing is nothing, and a new minute begins with all of it."""
    limits, usage = KeyLimits(tokens_per_minute=50, tokens_per_day=1000), noted(KeyUsage(), KeyCount(1, 70), NOW)

    assert tokens_left(limits, usage, NOW) == (0, 930)
    assert tokens_left(limits, usage, NOW + 60) == (50, 930)
    assert tokens_left(KeyLimits(), usage, NOW) == (None, None)
    (view,) = key_views(counted(key(limits, usage), KeyCount(2, 75)))
    assert (view.minute_tokens_left, view.day_tokens_left) == (0, 925)


def test_refused_requests_are_counted() -> None:
    """As requests are, whatever is restarted meanwhile."""
    (usage,) = metered(counted(key(), KeyCount(10, 0, 4)))
    (view,) = key_views(counted(key(usage=usage), KeyCount(3, 0, 1), NOW + 1))

    assert (view.requests, view.refused) == (13, 5)


def test_without_require_key_the_endpoint_knows_none() -> None:
    """Keys of a service that is open are of no use to it."""
    snapshot = counted(key(), KeyCount())
    version = replace(snapshot.version, target=replace(snapshot.version.target, endpoint=EndpointSettings()))

    assert plan(replace(snapshot, versions=(version,))).routes.keys == ()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 500), st.booleans(), st.integers(0, 7200)), max_size=30))
def test_every_token_is_counted_once(story: list[tuple[int, int, bool, int]]) -> None:
    """Whatever the endpoint's restarts and the looks between them: totals are what was sent, and a window's part is
    never more than the total."""
    usage, read, now, requests, tokens = KeyUsage(), KeyCount(), NOW, 0, 0
    for more_requests, more_tokens, restart, pause in story:
        if restart:
            usage, read = noted(usage, KeyCount(), now), KeyCount()
        now += pause
        read = KeyCount(read.requests + more_requests, read.tokens + more_tokens)
        requests, tokens = requests + more_requests, tokens + more_tokens
        usage = noted(usage, read, now)
        assert (usage.requests, usage.tokens) == (requests, tokens)
        assert more_tokens <= usage.minute_tokens <= usage.day_tokens <= tokens or more_tokens == 0
