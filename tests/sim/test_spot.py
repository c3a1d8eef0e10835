"""The fast replay of placement policies."""

import json
from pathlib import Path

import pytest

from skyserve.model.place import Place
from skyserve.policy.placement import POLICIES
from skyserve.sim.spot.generated import generate
from skyserve.sim.spot.replay import Result, Setting, replay
from skyserve.sim.spot.trace import UNLIMITED, Trace, read

A, B = Place("aws", "west", "west-a"), Place("aws", "west", "west-b")
HOUR = 12
"""Samples of five minutes."""


def market(**zones: list[int]) -> Trace:
    """Zones `a` and `b`, sample by sample."""
    return Trace(300.0, {Place("aws", "west", f"west-{z}"): tuple(row) for z, row in zones.items()})


def test_a_market_that_always_gives_costs_the_spot_price() -> None:
    """Three spot replicas at a third of the price, ready from the first cold start on."""
    result = replay(market(a=[9] * HOUR), POLICIES["round_robin"], Setting(extra=0))
    assert result.cost == pytest.approx(1 / 3, abs=0.01)
    assert result.availability == pytest.approx(1.0, abs=0.01)
    assert (result.losses, result.refusals, result.launches) == (0, 0, 3)


def test_without_spot_it_is_on_demand() -> None:
    """A market that gives nothing costs what on-demand machines cost, from the second tick on."""
    result = replay(market(a=[0] * HOUR), POLICIES["adaptive"], Setting(extra=0))
    assert result.cost == pytest.approx(1.0, abs=0.01)
    assert result.availability == pytest.approx(1.0, abs=0.01)


def test_a_zone_gives_no_more_than_it_has() -> None:
    """The launch beyond its capacity is refused, free of charge."""
    result = replay(market(a=[2] * 2), POLICIES["even_spread"], Setting(extra=0))
    assert result.refusals == result.launches - 2
    assert result.cost == pytest.approx(2 / 9, abs=0.02)


def test_a_loss_costs_a_cold_start_and_notice_saves_it() -> None:
    """Five ticks of thirty seconds short without notice: one to see it, four to start. With notice of four, one."""
    trace = market(a=[9] * HOUR + [0] * HOUR, b=[0] * HOUR + [9] * HOUR)
    ticks = 2 * HOUR * 10 - 4
    short = {
        notice: round(
            (1 - replay(trace, POLICIES["adaptive"], Setting(extra=0, notice_seconds=notice)).availability) * ticks
        )
        for notice in (0.0, 120.0)
    }
    # one tick more at the beginning, since what is decided at the first tick is done at the second
    assert short == {0.0: 1 + 5, 120.0: 1 + 1}


def test_the_youngest_is_taken_first() -> None:
    """A zone that shrinks by one takes one."""
    result = replay(market(a=[3] * 3 + [2] * 3), POLICIES["round_robin"], Setting(extra=0))
    assert result.losses == 1


def test_passing_over_quiet_ticks_changes_nothing() -> None:
    """The same market with every sample repeated in finer steps comes to the same."""
    coarse = generate(3, days=2)
    fine = Trace(30.0, {p: tuple(v for v in row for _ in range(10)) for p, row in coarse.capacity.items()})
    for policy in POLICIES.values():
        one, other = replay(coarse, policy, Setting()), replay(fine, policy, Setting())
        assert (one.cost, one.availability, one.losses) == (other.cost, other.availability, other.losses)


def golden(result: Result) -> tuple[float, float]:
    """Cost and availability in percent."""
    return round(result.cost * 100, 1), round(result.availability * 100, 2)


def test_generated_markets_come_to_what_they_did() -> None:
    """A week of a generated market, policy by policy: a change of these numbers is a change of a policy."""
    trace = generate(1, days=7)
    told = {name: golden(replay(trace, policy, Setting(notice_seconds=120))) for name, policy in POLICIES.items()}
    assert told == {
        "adaptive": (33.4, 99.93),
        "cheapest": (44.4, 99.72),
        "dynamic_fallback": (45.1, 99.85),
        "even_spread": (36.0, 89.9),
        "round_robin": (44.4, 99.79),
    }


@pytest.mark.parametrize("seed", range(6))
def test_adaptive_beats_dynamic_fallback(seed: int) -> None:
    """With notice it is cheaper and no less available, in markets that nobody chose."""
    trace = generate(100 + seed, days=7, regions=1 + seed % 3)
    setting = Setting(notice_seconds=120)
    ours, theirs = (replay(trace, POLICIES[name], setting) for name in ("adaptive", "dynamic_fallback"))
    assert ours.cost < theirs.cost
    assert ours.availability >= theirs.availability


def test_a_seed_makes_one_market() -> None:
    """The same again from the same seed, another from another."""
    assert generate(5, days=1) == generate(5, days=1)
    assert generate(5, days=1) != generate(6, days=1)
    assert generate(5, days=2).hours == pytest.approx(48)


def test_measured_traces_are_cut_to_a_common_time(tmp_path: Path) -> None:
    """What one zone began earlier is left out, and a trace of ones and noughts stands for some and none."""
    for zone, row in {"us-east-1a": [0, 1, 1, 0], "us-west-2b": [3, 4, 5]}.items():
        (tmp_path / f"{zone}_v100_1.json").write_text(json.dumps({"metadata": {"gap_seconds": 300}, "data": row}))
    trace = read(tmp_path, {"us-east-1a": 1})
    assert trace.capacity[Place("aws", "us-east-1", "us-east-1a")] == (UNLIMITED, UNLIMITED, 0)
    assert trace.capacity[Place("aws", "us-west-2", "us-west-2b")] == (3, 4, 5)


def test_traces_of_different_spacing_are_refused(tmp_path: Path) -> None:
    """Zones that were not measured together cannot be replayed together, nor can nothing."""
    with pytest.raises(ValueError, match="found no file"):
        read(tmp_path)
    for zone, gap in {"us-east-1a": 300, "us-west-2b": 195}.items():
        (tmp_path / f"{zone}.json").write_text(json.dumps({"metadata": {"gap_seconds": gap}, "data": [1]}))
    with pytest.raises(ValueError, match=r"195\.0, 300\.0"):
        read(tmp_path)
