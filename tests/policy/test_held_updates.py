"""Updates that users hold."""

from dataclasses import replace

from skyserve.model.rollout import CanaryStep, Rollout, UpdateMode, UpdateSettings
from tests.policy.updates import Town, settled


def test_time_that_was_held_does_not_count() -> None:
    """Neither a step's time nor the deadline goes on while the user holds the update."""
    town = settled(2)
    steps = (CanaryStep(50, 100),)
    town.update("t2", UpdateMode.CANARY, UpdateSettings(canary_steps=steps, progress_deadline=50))
    while town.service.rollout is None or town.service.rollout.step_since is None:
        town.step()
    for _ in range(40):
        town.step()
    town.pause()
    for _ in range(500):
        town.step()
    assert town.last_plan.routes.canary_percent == 50
    town.resume()
    for _ in range(55):
        town.step()
    rollout = town.service.rollout
    assert isinstance(rollout, Rollout)
    assert rollout.step == 0
    for _ in range(10):
        town.step()
    rollout = town.service.rollout
    assert isinstance(rollout, Rollout)
    assert rollout.step == 1


def test_a_held_update_stays_held_at_zero() -> None:
    """The load is gone, and with it all replicas: the update still waits for its user, and when requests come back both
    versions do."""
    town = settled(2)
    town.update("t2", UpdateMode.CANARY, UpdateSettings(canary_steps=(CanaryStep(50, 100),)))
    while not town.ready(2):
        town.step()
    town.pause()
    _want(town, 0)
    for _ in range(60):
        town.step()
    assert town.alive() == []
    assert town.service.rollout is not None
    _want(town, 2)
    for _ in range(120):
        town.step()
    assert [len(town.ready(version)) for version in (1, 2)] == [2, 1]
    town.resume()
    assert town.until_quiet()


def _want(town: Town, replicas: int) -> None:
    town.versions = [replace(v, target=replace(v.target, replicas=replicas)) for v in town.versions]
