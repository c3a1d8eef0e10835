"""What users are shown of an update before it begins."""

from pathlib import Path

import pytest

from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.rollout import Extent
from tests.controller.scene import SERVICE, Scene, task
from tests.controller.test_stories import play, up
from tests.controller.test_versions import history, update


def test_an_update_is_shown_before_it_begins(tmp_path: Path) -> None:
    """What changes and how deep it goes, from the version wanted; files by what they hold. Nothing is recorded."""

    async def story(scene: Scene) -> None:
        await up(scene)

        async def preview(text: str) -> tuple[Extent, list[str]]:
            seen = await scene.operations.preview_update(task(text), "web", scene.folder)
            assert (seen.service, seen.version, seen.to) == ("web", 1, None)
            assert (seen.before == seen.after) == (text == SERVICE)
            return seen.extent, seen.files

        assert await preview(SERVICE) == (Extent.NOTHING, [])
        assert await preview(SERVICE.replace("replicas: 2", "replicas: 3")) == (Extent.SERVICE, [])
        assert await preview(SERVICE.replace("run: serve", "run: serve --fast")) == (Extent.TASK, [])
        assert await preview(SERVICE.replace("workdir: work\n", "")) == (Extent.TASK, ["~/sky_workdir"])
        assert await preview(SERVICE + "num_nodes: 2\n") == (Extent.MACHINE, [])
        (scene.folder / "work" / "app.py").write_text("print('bye')\n")
        assert await preview(SERVICE) == (Extent.TASK, ["~/sky_workdir"])
        assert await history(scene) == [(1, "up", "current")]

    play(tmp_path, story)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By the key that names it, with where relative paths begin."""

    async def story(scene: Scene) -> None:
        await up(scene)
        with pytest.raises(ServeError, match=r"^workdir: .*/elsewhere cannot be read: No such file") as raised:
            await scene.operations.preview_update(task(SERVICE.replace("work\n", "elsewhere\n")), "web", scene.folder)
        assert raised.value.kind is ErrorKind.INVALID_REQUEST
        assert str(scene.folder) in raised.value.remedy
        with pytest.raises(ServeError, match=r"^file_mounts\./data: "):
            mounted = task(SERVICE + "file_mounts: {/data: nothing}\n")
            await scene.operations.preview_update(mounted, "web", scene.folder)

    play(tmp_path, story)


def test_a_rollback_is_shown_before_it_begins(tmp_path: Path) -> None:
    """From the version wanted to the earlier one; what the rollback would refuse is refused here."""

    async def story(scene: Scene) -> None:
        await up(scene)
        with pytest.raises(ServeError, match="no version 7"):
            await scene.operations.preview_rollback("web", 7)
        await update(scene, SERVICE.replace("run: serve", "run: serve --fast"))
        seen = await scene.operations.preview_rollback("web", 1)
        assert (seen.version, seen.to, seen.extent) == (2, 1, Extent.TASK)
        assert "run: serve --fast\n" in seen.before
        assert "run: serve\n" in seen.after
        await scene.operations.down(["web"], purge=False)
        for refused in (
            scene.operations.preview_rollback("web", 1),
            scene.operations.preview_update(task(), "web", scene.folder),
        ):
            with pytest.raises(ServeError, match="going down"):
                await refused

    play(tmp_path, story)


def test_a_misspelt_service_is_guessed(tmp_path: Path) -> None:
    """The refusal names the service that was probably meant."""

    async def story(scene: Scene) -> None:
        await up(scene)
        with pytest.raises(ServeError) as raised:
            await scene.operations.pause("wbe")
        assert raised.value.kind is ErrorKind.NOT_FOUND
        assert raised.value.remedy == "Did you mean 'web'? See: sky serve status"

    play(tmp_path, story)
