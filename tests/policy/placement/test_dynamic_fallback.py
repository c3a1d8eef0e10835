"""SpotHedge, rule by rule."""

from skyserve.policy.placement import POLICIES
from tests.policy.placement.markets import Story, place, spot

THREE = (spot("west-a"), spot("west-b"), spot("east-a"))
FOUR = (*THREE, spot("east-b"))
ALL = {"west-a", "west-b", "east-a", "east-b"}


def story(zones: tuple[object, ...] = FOUR, up: set[str] = ALL) -> Story:
    """Nothing launched yet."""
    return Story(POLICIES["dynamic_fallback"], zones, set(up))  # type: ignore[arg-type]


def test_it_begins_with_spot_and_on_demand_at_once() -> None:
    """Wanted plus extra on spot machines, and, since none is ready, the wanted number on demand."""
    begun = story().step()
    assert begun.zones_used() == sorted(ALL)
    assert begun.stand_ins() == 3


def test_on_demand_ends_once_spot_is_ready() -> None:
    """With all spot replicas ready, the extra one included, nothing stands in."""
    assert story().steps(3).stand_ins() == 0


def test_a_missing_extra_alone_starts_on_demand() -> None:
    """One on-demand replica starts though as many spot replicas are ready as are wanted."""
    lost = story().steps(3).close("west-a").step()
    assert lost.stand_ins() == 1


def test_a_place_that_preempts_is_left_alone() -> None:
    """The replacement goes to another place, though the one that took a replica has room again."""
    lost = story().steps(3).close("west-a")
    lost.up.add("west-a")
    assert "west-a" not in lost.step().zones_used()
    assert lost.memory.of(place("west-a")).preempting


def test_with_fewer_than_two_places_all_count_again() -> None:
    """The third of four places that preempts brings all four back."""
    lost = story().steps(3).close("west-a").step().close("west-b").step().close("east-a").step()
    assert not any(lost.memory.of(o.place).preempting for o in FOUR)


def test_the_cheaper_unused_place_comes_first() -> None:
    """Unused before used, then by price."""
    zones = (spot("west-a", 0.9), spot("west-b", 0.4), spot("east-a", 0.6))
    begun = Story(POLICIES["dynamic_fallback"], zones, {"west-a", "west-b", "east-a"}, wanted=1, extra=0).step()
    assert begun.zones_used() == ["west-b"]


def test_it_tries_dead_places_for_ever() -> None:
    """As printed, it keeps asking unused places with none, and pays on demand beside a place with room for all."""
    stuck = story(THREE, {"west-a"}).steps(200)
    assert len(stuck.zones_used()) < 4
    assert stuck.stand_ins() > 0
