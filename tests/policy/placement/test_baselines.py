"""The policies that others use."""

from skyserve.policy.placement import POLICIES
from tests.policy.placement.markets import Story, spot

THREE = (spot("west-a"), spot("west-b"), spot("east-a"))


def test_even_spread_fills_to_one_level() -> None:
    """Each place has its share, and none gets a second before all have one."""
    story = Story(POLICIES["even_spread"], THREE, {"west-a", "west-b", "east-a"}, wanted=4, extra=0).step()
    assert story.zones_used() == ["east-a", "west-a", "west-a", "west-b"]


def test_even_spread_asks_the_empty_place_for_ever() -> None:
    """The share of a place that is out stays missing, since no other place is given it."""
    story = Story(POLICIES["even_spread"], THREE, {"west-a", "east-a"}, extra=0).steps(50)
    assert story.zones_used() == ["east-a", "west-a"]


def test_round_robin_takes_the_next() -> None:
    """What one place refused goes to the next in turn, until there are enough."""
    story = Story(POLICIES["round_robin"], THREE, {"west-b"}, extra=0).steps(10)
    assert story.zones_used() == ["west-b"] * 3


def test_cheapest_takes_the_cheapest_that_has_room() -> None:
    """A place that refused rests, and the next cheapest gets all."""
    zones = (spot("west-a", 0.5), spot("west-b", 0.7), spot("east-a", 0.9))
    story = Story(POLICIES["cheapest"], zones, {"west-b", "east-a"}, extra=0).steps(3)
    assert story.zones_used() == ["west-b"] * 3


def test_cheapest_takes_on_demand_where_it_costs_less() -> None:
    """A spot machine that costs more than an on-demand machine is not wanted."""
    story = Story(POLICIES["cheapest"], (spot("west-a", 9.0),), {"west-a"}, extra=0).step()
    assert (story.zones_used(), story.stand_ins()) == ([], 3)
