"""Tells a story again and again, with a controller that is killed at another crossing each time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from skyserve.sim.gate import Gate
from skyserve.sim.virtual import run_virtual
from tests.controller.scene import Scene

Story = Callable[[Path, Gate], Awaitable[Scene]]


def crossings(folder: Path, story: Story) -> int:
    """How many there are in the whole story."""
    gate = Gate()
    run_virtual(story(folder, gate))
    return gate.crossings


def killed(folder: Path, story: Story, check: Callable[[Scene], None], ats: Iterable[int], *, after: bool) -> None:
    """Kill at each of these crossings, one story after the other, and check how each ends."""
    for at in ats:
        gate = Gate(at, after=after)
        try:
            check(run_virtual(story(folder, gate)))
        except (AssertionError, asyncio.CancelledError, TimeoutError) as error:
            raise AssertionError(
                f"killed {'after' if after else 'before'} crossing {at}, {gate.name}: {error}"
            ) from error


def clean(scene: Scene) -> None:
    """Nothing is left, and no token was used for two machines."""
    tokens = Counter(instance.token for instance in scene.world.launches)
    assert not scene.world.machines
    assert set(tokens.values()) == {1}
    assert not scene.plane.tables
