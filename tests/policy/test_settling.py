"""Windows of stabilisation: what a history of calls comes to."""

import pytest

from skyserve.model.autoscaling import Autoscaling, Call, ScalingPolicy
from skyserve.policy.autoscaling.settling import settle

NOW = 1_700_000_000.0
KNOBS = Autoscaling(ScalingPolicy.REQUEST_RATE, per_replica=2, low=0, high=10)


@pytest.mark.parametrize(
    ("calls", "wanted", "after"),
    [
        ([(-1000, 3)], 3, 3),
        ([(-1000, 1), (-299, 3)], 1, 1),
        ([(-1000, 1), (-300, 3)], 1, 3),
        # Up to the least that was called for throughout.
        ([(-1000, 1), (-400, 3), (-100, 5)], 1, 3),
        # A dip of 20 s stretches the window by 20 s, and does not begin it anew.
        ([(-1000, 1), (-319, 3), (-200, 1), (-180, 3)], 1, 1),
        ([(-1000, 1), (-320, 3), (-200, 1), (-180, 3)], 1, 3),
        # Two minutes are no dip.
        ([(-1000, 1), (-400, 3), (-300, 1), (-180, 3)], 1, 1),
        # Within a dip nothing is added that is not called for at the moment.
        ([(-1000, 1), (-400, 3), (-5, 1)], 1, 1),
        # Down to the most that was called for within the longer delay.
        ([(-5000, 4), (-1199, 1)], 4, 4),
        ([(-5000, 4), (-1200, 1)], 4, 1),
        ([(-5000, 4), (-1300, 1), (-600, 2), (-100, 1)], 4, 2),
        ([(-5000, 4), (-1220, 1), (-600, 4), (-580, 1)], 4, 1),
    ],
)
def test_settling(calls: list[tuple[float, int]], wanted: int, after: int) -> None:
    """Windows of 300 s up and 1200 s down."""
    history = tuple(Call(NOW + ago, replicas) for ago, replicas in calls)
    assert settle(history, wanted, KNOBS, NOW) == after
