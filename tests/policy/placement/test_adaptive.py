"""Our policy, story by story."""

from itertools import pairwise

from skyserve.model.placement import Memory, PlaceMemory
from skyserve.policy.placement import POLICIES
from skyserve.policy.placement.learning import losses_an_hour
from tests.policy.placement.markets import Story, place, spot

THREE = (spot("west-a"), spot("west-b"), spot("east-a"))
ALL = {"west-a", "west-b", "east-a"}


def story(up: set[str] = ALL, *, extra: int = 0, memory: Memory | None = None) -> Story:
    """Three zones of one price, nothing launched yet."""
    return Story(POLICIES["adaptive"], THREE, set(up), extra=extra, memory=memory or Memory())


def test_it_spreads_over_equal_places() -> None:
    """One replica a place, where all are alike."""
    assert story().steps(3).zones_used() == ["east-a", "west-a", "west-b"]


def test_it_stacks_where_all_others_rest() -> None:
    """With one place that has room all replicas are there, and nothing stands in any more."""
    settled = story({"west-b"}).steps(20)
    assert (settled.zones_used(), settled.stand_ins()) == (["west-b"] * 3, 0)


def test_a_refusing_place_is_asked_ever_less_often() -> None:
    """While it has no room, the rests double up to the longest."""
    waiting = story(set())
    asked = []
    for _ in range(200):
        before = len(waiting.ended)
        waiting.step()
        if len(waiting.ended) > before:
            asked.append(waiting.now)
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 600
    assert waiting.stand_ins() == 3


def test_on_demand_stands_in_for_what_is_missing_only() -> None:
    """A lost extra starts nothing on demand."""
    lossy = Memory(places={o.place.key: PlaceMemory(losses=5, hours=10) for o in THREE})
    settled = story(extra=1, memory=lossy).steps(3)
    assert settled.zones_used() == ["east-a", "east-a", "west-a", "west-b"]
    assert settled.close("west-b").step().stand_ins() == 0


def test_a_stand_in_that_starts_ends_once_the_place_gave_its_machine() -> None:
    """It is asked for together with the spot replacement, and ended a step later."""
    lost = story().steps(3).close("west-a").step()
    assert lost.stand_ins() == 1
    assert (lost.step().stand_ins(), len(lost.zones_used())) == (0, 3)


def test_a_stand_in_that_serves_stays_until_spot_is_ready() -> None:
    """A spot machine that merely starts does not replace one that serves."""
    waiting = story(set()).steps(4)
    waiting.up |= ALL
    while not waiting.zones_used():
        waiting.step()
    assert waiting.stand_ins() == 3
    assert waiting.steps(3).stand_ins() == 0


def test_notice_counts_as_gone() -> None:
    """The replacement starts while the doomed replica still serves, and not at the place that gave notice."""
    warned = story().steps(3).doom("west-a")
    warned.step()
    assert [h.offer.place.zone for h in warned.held if h.offer.spot and not h.ready] != ["west-a"]
    assert len(warned.zones_used()) == 4


def test_a_loss_after_notice_is_one_loss() -> None:
    """What was learnt from the notice is not learnt again from the loss."""
    warned = story().steps(3).doom("west-a").steps(2)
    losses = warned.memory.of(place("west-a")).losses
    warned.close("west-a").step()
    assert 0 < warned.memory.of(place("west-a")).losses <= losses


def test_a_place_that_loses_often_is_avoided() -> None:
    """Two replicas share a quiet place sooner than that one goes where losses are frequent."""
    known = Memory(
        places={place("west-a").key: PlaceMemory(losses=20, hours=20), place("east-a").key: PlaceMemory(hours=60)}
    )
    assert "west-a" not in story(memory=known).steps(3).zones_used()


def test_a_higher_price_is_paid_for_fewer_losses_only_as_far_as_it_pays() -> None:
    """Of two quiet places the cheaper is taken, though the dearer lost a little less."""
    known = Memory(places={place("west-a").key: PlaceMemory(hours=40), place("west-b").key: PlaceMemory(hours=50)})
    zones = (spot("west-a", 1.0), spot("west-b", 4.0))
    chosen = Story(POLICIES["adaptive"], zones, {"west-a", "west-b"}, wanted=1, extra=0, memory=known).step()
    assert chosen.zones_used() == ["west-a"]


def test_extra_goes_when_losses_are_rare() -> None:
    """A market that has been quiet for days is not worth an extra replica."""
    quiet = Memory(places={o.place.key: PlaceMemory(losses=0.0, hours=60.0) for o in THREE})
    assert len(story(extra=1, memory=quiet).steps(3).zones_used()) == 3


def test_extra_comes_after_losses_and_goes_again() -> None:
    """Losses raise the number, quiet days lower it."""
    quiet = Memory(places={o.place.key: PlaceMemory(hours=20.0) for o in THREE})
    market = story(extra=1, memory=quiet).steps(3)
    assert len(market.zones_used()) == 3
    for _ in range(30):
        zone = market.zones_used()[0]
        market.close(zone).step()
        market.up.add(zone)
        market.steps(10)
    assert len(market.zones_used()) == 4
    market.now += 5 * 86_400
    market.steps(3)
    assert len(market.zones_used()) == 3


def test_old_losses_fade() -> None:
    """A day makes a loss count half; the estimate returns towards that of an unknown place."""
    known = Memory(places={place("west-a").key: PlaceMemory(losses=8, hours=4)})
    later = [losses_an_hour(known, place("west-a"), days * 86_400) for days in (0, 1, 3, 30)]
    assert later == sorted(later, reverse=True)
    assert abs(later[-1] - losses_an_hour(Memory(), place("west-a"), 0)) < 0.01


def test_the_reason_says_why_there() -> None:
    """Place, price, expected losses and who rests are in words."""
    begun = story().step()
    assert begun.last is not None
    reasons = [p.reason for p in begun.last.launches]
    assert "aws (east-a): 1.00 USD an hour and 0.10 losses an hour expected" in reasons[0]
