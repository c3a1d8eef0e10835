"""Whole updates on virtual time: each mode, what is kept, what is renewed, held, overtaken and gone back from."""

from pathlib import Path

import pytest

from skyserve.infra.simulated.world import Zone
from skyserve.model.rollout import UpdateMode
from tests.controller.scene import Scene
from tests.controller.test_stories import play, up
from tests.controller.updating import Watch, begin, by_version, complete, ready, served, shown, text, update

NEW = text("serve --fast")
IN_PLACE = "  update: {max_surge: 0, max_unavailable: 1}\n"


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_a_new_version_takes_over(tmp_path: Path, mode: UpdateMode) -> None:
    """In each mode both replicas are of the new version in the end, and at every moment at least two answered."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        seen = await update(scene, NEW, mode)
        assert seen.rollout is not None
        assert (seen.version, seen.rollout.mode) == (2, mode)
        fewest: list[int] = []
        await Watch(scene, lambda: fewest.append(len(scene.serving()))).until(lambda: complete(scene))
        assert by_version(scene) == {2: 2}
        assert min(fewest) == 2
        assert served(scene) == {"serve --fast"}
        assert (await shown(scene)).rollout is None

    play(tmp_path, story)


def test_a_canary_moves_by_its_steps(tmp_path: Path) -> None:
    """Each share of the requests flows once its replicas are there, for as long as the step says; the old ones stay in
    full until all has moved."""

    async def story(scene: Scene) -> None:
        steps = "  update: {canary_steps: [{traffic: 10, seconds: 60}, {traffic: 60, seconds: 120}]}\n"
        await begin(scene, text(replicas=4))
        await update(scene, text("serve --fast", steps, replicas=4), UpdateMode.CANARY)
        path: list[tuple[int | None, int, int]] = []
        times: list[float] = []

        def look() -> None:
            (table,) = scene.plane.tables.values()
            canaries = sum(b.canary for b in table.backends if not b.draining)
            now = (table.canary_percent, canaries, len(scene.serving()) - canaries)
            if not path or path[-1] != now:
                path.append(now)
                times.append(scene.clock.now())

        await Watch(scene, look).until(lambda: complete(scene))
        shares = [(percent, new, old) for percent, new, old in path if percent is not None]
        assert next(s for s in shares if s[0] == 10) == (10, 1, 4)
        assert next(s for s in shares if s[0] == 60) == (60, 3, 4)
        assert (100, 4, 4) in shares
        begun = {percent: at for (percent, _, _), at in reversed(list(zip(path, times, strict=True)))}
        assert 60 <= begun[60] - begun[10] < 70
        assert 120 <= begun[100] - begun[60] < 130
        assert by_version(scene) == {2: 4}

    play(tmp_path, story)


def test_the_service_section_is_live(tmp_path: Path) -> None:
    """Replicas whose task is the same run on, under the new settings; only their number changes."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        before = dict(scene.world.machines)
        await update(scene, text(service="  drain_seconds: 7\n  load_balancing_policy: round_robin\n", replicas=3))
        await scene.until(lambda: complete(scene) and len(scene.serving()) == 3)
        assert by_version(scene) == {2: 3}
        assert len(scene.world.launches) == 3
        assert all(scene.world.machines[machine] is before[machine] for machine in before)
        (table,) = scene.plane.tables.values()
        assert table.policy == "round_robin"
        assert (await scene.operations.history("web"))[-1].outcome == "current"

    play(tmp_path, story)


def test_a_changed_task_begins_anew_on_its_machine(tmp_path: Path) -> None:
    """Where the machine fits and no replica is added first, each drains, and the new task begins where it was."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        await update(scene, text("serve --fast", IN_PLACE))
        fewest: list[int] = []
        await Watch(scene, lambda: fewest.append(len(scene.serving()))).until(lambda: complete(scene))
        assert by_version(scene) == {2: 2}
        assert served(scene) == {"serve --fast"}
        assert len(scene.world.launches) == 2
        assert min(fewest) == 1
        assert [r.replica_id for r in (await shown(scene)).replicas] == [1, 2]

    play(tmp_path, story)


def test_other_resources_need_other_machines(tmp_path: Path) -> None:
    """Nothing is renewed where the new version asks for more; each is replaced."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        await update(scene, text(service=IN_PLACE).replace("ports: 8080", "ports: 8080\n  cpus: 3"))
        await scene.until(lambda: complete(scene))
        assert by_version(scene) == {2: 2}
        assert len(scene.world.launches) == 4
        assert sorted(scene.serving()) == [3, 4]

    play(tmp_path, story)


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_another_port(tmp_path: Path, mode: UpdateMode) -> None:
    """Where the service's port is another one, nothing is adopted or renewed, though scripts and files are the
    same: each replica is reached, and probed, at the port of its own version, and none is missed."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        await scene.until(lambda: len(ready(scene)) == 2)
        await update(scene, text().replace("ports: 8080", "ports: 9090"), mode)
        fewest: list[int] = []
        reached: set[tuple[int, int]] = set()

        def look() -> None:
            (table,) = scene.plane.tables.values()
            reached.update((backend.version, backend.address.port) for backend in table.backends)
            fewest.append(len(scene.serving()))

        await Watch(scene, look).until(lambda: complete(scene))
        assert reached == {(1, 8080), (2, 9090)}
        assert min(fewest) == 2
        assert sorted(scene.serving()) == [3, 4]
        assert {port for m in scene.world.machines.values() for port in m.instance.addresses} == {9090}

    play(tmp_path, story)


def test_a_port_that_is_changed_back(tmp_path: Path) -> None:
    """An update to another port is overtaken by one back to the first: who serves at that is of the new version at
    once, and who began at the other goes."""

    async def story(scene: Scene) -> None:
        slow = text(service="  update: {min_ready_seconds: 30}\n", replicas=4)
        await begin(scene, slow)
        await scene.until(lambda: len(ready(scene)) == 4)
        await update(scene, slow.replace("ports: 8080", "ports: 9090"))
        await scene.until(lambda: set(by_version(scene)) == {1, 2})
        kept = {r for r in scene.serving() if r <= 4}
        await update(scene, slow)
        await scene.until(lambda: complete(scene))
        assert by_version(scene) == {3: 4}
        (table,) = scene.plane.tables.values()
        assert {backend.address.port for backend in table.backends} == {8080}
        assert kept <= set(scene.serving())

    play(tmp_path, story)


def test_an_update_is_held_and_goes_on(tmp_path: Path) -> None:
    """Held, both versions stay as they are, what is lost is replaced, and no deadline passes; then it goes on."""

    async def story(scene: Scene) -> None:
        await begin(scene, text(replicas=4))
        await update(scene, text("serve --fast", "  update: {progress_deadline_seconds: 120}\n", replicas=4))
        await scene.until(lambda: by_version(scene).get(2) == 1)
        seen = await scene.operations.pause("web")
        assert seen.rollout is not None
        assert seen.rollout.paused
        await scene.clock.sleep(60)
        at_rest = by_version(scene)
        assert at_rest[2] <= 2
        scene.world.lose(scene.machine_of(min(scene.serving())))
        await scene.clock.sleep(600)
        assert sum(by_version(scene).values()) >= 4
        assert by_version(scene)[2] == at_rest[2]
        assert (await scene.operations.pause("web")).rollout is not None
        await scene.operations.resume("web")
        await scene.until(lambda: complete(scene))
        assert by_version(scene) == {2: 4}
        assert [v.outcome for v in await scene.operations.history("web")] == ["superseded by version 2", "current"]

    play(tmp_path, story)


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_an_update_overtakes_another(tmp_path: Path, mode: UpdateMode) -> None:
    """A second one before the first is complete: what serves goes on serving, and only the last version is left."""

    async def story(scene: Scene) -> None:
        await begin(scene, text(replicas=3))
        await update(scene, text("serve --fast", replicas=3), mode)
        await scene.until(lambda: 2 in by_version(scene))
        seen = await update(scene, text("serve --faster", replicas=3), mode)
        assert seen.rollout is not None
        assert (seen.rollout.version, seen.rollout.before) == (3, 1)
        fewest: list[int] = []
        await Watch(scene, lambda: fewest.append(len(scene.serving()))).until(lambda: complete(scene))
        assert by_version(scene) == {3: 3}
        assert min(fewest) == 3
        assert served(scene) == {"serve --faster"}

    play(tmp_path, story)


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_a_user_goes_back_midway(tmp_path: Path, mode: UpdateMode) -> None:
    """The old replicas that live are of the version gone back to at once, and nothing is started that need not be."""

    async def story(scene: Scene) -> None:
        await begin(scene, text(replicas=3))
        await update(scene, text("serve --fast", replicas=3), mode)
        await scene.until(lambda: 2 in by_version(scene))
        await scene.operations.rollback("web", None)
        fewest: list[int] = []
        await Watch(scene, lambda: fewest.append(len(scene.serving()))).until(lambda: complete(scene))
        assert by_version(scene) == {3: 3}
        assert min(fewest) >= 3
        assert served(scene) == {"serve"}

    play(tmp_path, story)


def test_nothing_to_spare_is_not_spared(tmp_path: Path) -> None:
    """Where no replica ever became ready, the new version takes their place at once, whatever the mode."""

    async def story(scene: Scene) -> None:
        scene.world.zones["a"].boot_seconds = 1000
        await up(scene, text())
        await scene.clock.sleep(5)
        scene.world.zones["a"].boot_seconds = 0
        await update(scene, text("serve --fast", "", 2).replace("ports: 8080", "ports: 8080\n  cpus: 3"))
        await scene.until(lambda: complete(scene) and len(scene.serving()) == 2)
        assert by_version(scene) == {2: 2}

    play(tmp_path, story, zones=(Zone("a"),))


def test_a_service_of_none_is_updated_at_once(tmp_path: Path) -> None:
    """Where no replica is wanted there is nothing to wait for."""

    async def story(scene: Scene) -> None:
        await up(scene, text(replicas=0))
        await scene.clock.sleep(3)
        await update(scene, text("serve --fast", replicas=0), UpdateMode.CANARY)
        await scene.until(lambda: complete(scene))
        assert [v.outcome for v in await scene.operations.history("web")] == ["superseded by version 2", "current"]

    play(tmp_path, story)


def test_old_versions_are_let_go(tmp_path: Path) -> None:
    """The last twenty are remembered, with their files; the files of the others are deleted once an hour has passed."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        for number in range(25):
            (scene.folder / "work" / "app.py").write_text(f"print({number})\n")
            await update(scene, text(service=IN_PLACE))
            await scene.until(lambda: complete(scene))
        versions = await scene.operations.history("web")
        assert [versions[0].version, versions[-1].version, len(versions)] == [7, 26, 20]
        assert len(scene.world.launches) == 2
        assert len(await scene.controller.world.store.live_trees()) == 20

    play(tmp_path, story)
