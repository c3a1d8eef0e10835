"""The bound that no policy can be below."""

import pytest

from bench.omniscient import omniscient
from skyserve.policy.placement import POLICIES
from skyserve.sim.spot.generated import generate
from skyserve.sim.spot.replay import Setting, replay
from tests.sim.test_spot import HOUR, market


def test_it_pays_the_spot_price_where_spot_is_always_there() -> None:
    """A third of on-demand for a market that always gives."""
    assert omniscient(market(a=[9] * HOUR), Setting()) == pytest.approx(1 / 3, abs=1e-6)


def test_it_starts_a_cold_start_ahead() -> None:
    """From one zone to the next it pays the two together for one cold start and no more."""
    trace = market(a=[9] * (HOUR + 1) + [0] * HOUR, b=[0] * HOUR + [9] * (HOUR + 1))
    ticks = (2 * HOUR + 1) * 10
    assert omniscient(trace, Setting()) == pytest.approx((ticks + 4) / ticks / 3, abs=1e-6)


def test_it_bridges_what_spot_cannot() -> None:
    """An outage of all zones is paid on demand, begun a cold start before."""
    trace = market(a=[9] * HOUR + [0] * HOUR + [9] * HOUR)
    ticks, dark = 3 * HOUR * 10, HOUR * 10
    spot, on_demand = ticks - dark, dark + 4 + 4  # until the spot machines that start afterwards are ready
    assert omniscient(trace, Setting()) == pytest.approx((spot + 3 * on_demand) / (3 * ticks), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_no_policy_is_below(seed: int) -> None:
    """What knows the future pays no more than a policy that is nearly always available."""
    trace = generate(seed, days=2)
    setting = Setting(notice_seconds=120)
    assert omniscient(trace, setting) <= replay(trace, POLICIES["dynamic_fallback"], setting).cost
