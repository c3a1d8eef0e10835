"""What users may ask of the versions of a service, and what they are told."""

from collections.abc import Awaitable
from pathlib import Path

import pytest

from skyserve.model.error import ErrorKind, ServeError
from skyserve.spec.errors import SpecError
from tests.controller.scene import SERVICE, Scene, task
from tests.controller.test_stories import play, up


async def update(scene: Scene, text: str, name: str = "web") -> None:
    """Ask for a new version, in the mode that the text names."""
    await scene.operations.update(task(text), name, scene.folder, None)


async def history(scene: Scene) -> list[tuple[int, str, str]]:
    """Number, reason and outcome of each version."""
    return [(seen.version, seen.reason, seen.outcome) for seen in await scene.operations.history("web")]


def test_versions_have_a_history(tmp_path: Path) -> None:
    """Each update and each rollback is a version of its own, and says where it came from."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        assert await history(scene) == [(1, "up", "current")]
        await update(scene, SERVICE.replace("run: serve", "run: serve --fast"))
        assert await history(scene) == [(1, "up", "superseded by version 2"), (2, "update", "rolling out")]
        seen = await scene.operations.rollback("web", None)
        assert seen.version == 3
        assert (await history(scene))[1:] == [
            (2, "update", "rolled back by the user"),
            (3, "rollback to version 1", "rolling out"),
        ]

    play(tmp_path, story)


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    """Each refusal says what is wrong and what to do instead; nothing is recorded."""

    async def refused(work: Awaitable[object], kind: ErrorKind, words: str) -> None:
        with pytest.raises(ServeError, match=words) as told:
            await work
        assert told.value.kind is kind
        assert told.value.remedy

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        ask = scene.operations
        await refused(ask.update(task(), "nobody", scene.folder, None), ErrorKind.NOT_FOUND, "'nobody' not found")
        await refused(ask.pause("web"), ErrorKind.CONFLICT, "No update of service 'web' is under way")
        await refused(ask.resume("web"), ErrorKind.CONFLICT, "No update of service 'web' is under way")
        await refused(ask.rollback("web", None), ErrorKind.CONFLICT, "no version before 1")
        await refused(ask.rollback("web", 1), ErrorKind.CONFLICT, "Version 1 .* is the one that is wanted now")
        await refused(ask.rollback("web", 7), ErrorKind.NOT_FOUND, "no version 7")
        with pytest.raises(SpecError, match="event_callback"):
            await update(scene, SERVICE + "\nevent_callback: ring\n")
        too_large = SERVICE.replace("ports: 8080", "ports: 8080\n  cpus: 64")
        await refused(ask.update(task(too_large), "web", scene.folder, None), ErrorKind.UNAVAILABLE, "No machine")
        await ask.down(["web"], purge=False)
        await refused(ask.update(task(), "web", scene.folder, None), ErrorKind.CONFLICT, "going down")
        await refused(ask.rollback("web", None), ErrorKind.CONFLICT, "going down")
        assert [seen.version for seen in await ask.history("web")] == [1]

    play(tmp_path, story)
