"""Keys of replicas: made, kept, handed to what runs, and shown to nobody else."""

from collections.abc import Mapping
from pathlib import Path

from skyserve.contracts.infra import Script
from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.model.endpoint import ReplicaKey
from skyserve.model.instance import Instance
from skyserve.model.rollout import Extent
from tests.controller.scene import SERVICE, Scene
from tests.controller.scene import task as parsed
from tests.controller.test_stories import play, up
from tests.controller.test_versions import update

AUTO = SERVICE.replace("replicas: 2", "replicas: 2\n  load_balancer: {replica_key: auto}")
OWN = AUTO.replace("auto", "$TOKEN") + "secrets: {TOKEN: hunter2}\n"


class Notes:
    """What scripts were given, by instance and script."""

    def __init__(self, scene: Scene) -> None:
        self.given: dict[tuple[str, str], str | None] = {}
        scene.world.behaviour = self._note

    def _note(self, instance: Instance, _rank: int, name: str, script: Script) -> Course:
        self.given[instance.token, name] = key_in(script.environment)
        return FOR_EVER if name == "run" else Course()


def key_in(variables: Mapping[str, str]) -> str | None:
    """What a script knows as the key."""
    return variables.get("SKYPILOT_SERVE_REPLICA_KEY")


def routed(scene: Scene) -> dict[int, ReplicaKey | None]:
    """By replica, the key that the endpoint shows it."""
    return {b.replica_id: b.key for table in scene.plane.tables.values() for b in table.backends if not b.draining}


def test_a_key_is_made_and_kept(tmp_path: Path) -> None:
    """`auto` gives all replicas of a service one key, which setup, run and endpoint know; another one each service; a
    new version that says `auto` has the same, so that it changes nothing."""

    async def story(scene: Scene) -> None:
        notes = Notes(scene)
        await up(scene, AUTO)
        await scene.until(lambda: len(scene.serving()) == 2)
        (key,) = set(routed(scene).values())
        assert key is not None and key.header == "authorization"
        assert len(key.key) > 43
        assert set(notes.given.values()) == {key.key}
        assert {name for _, name in notes.given} == {"setup", "run"}

        assert (await scene.operations.preview_update(parsed(AUTO), "web", scene.folder)).extent is Extent.NOTHING
        await update(scene, AUTO.replace("replicas: 2", "replicas: 3"))
        await scene.until(lambda: len(scene.serving()) == 3)
        assert set(routed(scene).values()) == {key}
        assert sorted(routed(scene)) == [1, 2, 3]

        await up(scene, AUTO, "other")
        await scene.until(lambda: len(scene.serving()) == 5)
        assert len(set(notes.given.values())) == 2

    play(tmp_path, story)


def test_a_new_key_comes_with_new_replicas(tmp_path: Path) -> None:
    """Each replica is shown the key that it was started with, until the last of the old ones is gone."""

    async def story(scene: Scene) -> None:
        notes = Notes(scene)
        await up(scene, OWN)
        await scene.until(lambda: len(scene.serving()) == 2)
        old, new = ReplicaKey("hunter2"), ReplicaKey("hunter3")
        assert set(routed(scene).values()) == {old}

        changed = OWN.replace("hunter2", "hunter3")
        assert (await scene.operations.preview_update(parsed(changed), "web", scene.folder)).extent is Extent.TASK
        await update(scene, changed)
        seen = set[frozenset[ReplicaKey | None]]()

        def settled() -> bool:
            seen.add(frozenset(routed(scene).values()))
            return set(routed(scene).values()) == {new} and len(scene.serving()) == 2

        await scene.until(settled)
        assert frozenset({old, new}) in seen
        assert set(notes.given.values()) == {"hunter2", "hunter3"}

    play(tmp_path, story)


def test_previews_tell_no_key(tmp_path: Path) -> None:
    """One that was made is shown as `auto`, another one masked, wherever it came from; that it changes is shown."""

    async def story(scene: Scene) -> None:
        await up(scene, AUTO)
        await scene.until(lambda: len(scene.serving()) == 2)
        (key,) = set(routed(scene).values())
        assert key is not None
        literal = AUTO.replace("auto", "hunter2") + "envs: {SAME: is-hunter2}\n"
        seen = await scene.operations.preview_update(parsed(literal), "web", scene.folder)
        assert "replica_key: auto" in seen.before
        assert "replica_key: '*** (changed)'" in seen.after
        assert "SAME: is-***" in seen.after
        for secret in (key.key, "hunter2"):
            assert secret not in seen.before + seen.after

    play(tmp_path, story)
