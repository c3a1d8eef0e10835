"""Updates to versions that fail: left by themselves for the version before, or stopped where the user wants that."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from skyserve.infra.simulated.behaviour import FOR_EVER, Course
from skyserve.infra.simulated.world import Zone
from skyserve.model.error import ServeError
from skyserve.model.rollout import UpdateMode
from skyserve.model.view import ServiceStatus
from tests.controller.scene import Scene, task
from tests.controller.test_stories import play
from tests.controller.updating import BAD, Watch, begin, by_version, complete, served, shown, text, update, where

NEW = text(BAD)
EXITS = Course(output=b"no such model\n", exit_code=1)
SILENT = Course()
"""Its run ends well, and nothing answers."""


async def outcomes(scene: Scene) -> list[str]:
    """What became of each version."""
    return [version.outcome for version in await scene.operations.history("web")]


async def detail_once(scene: Scene, word: str) -> str:
    """What an update waits for, once it says this."""
    while True:
        seen = await shown(scene)
        assert seen.rollout is not None
        if word in seen.rollout.detail:
            return seen.rollout.detail
        await scene.clock.sleep(0.5)


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_a_version_that_cannot_run_is_left(tmp_path: Path, mode: UpdateMode) -> None:
    """After three failures in a row the version before is wanted again; its replicas answered all the time, and the
    history says why."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        scene.world.behaviour = where(BAD, EXITS)
        await update(scene, NEW, mode)
        fewest: list[int] = []
        watch = Watch(scene, lambda: fewest.append(len(scene.serving())))
        await watch.until(lambda: complete(scene) and 3 in by_version(scene))
        assert by_version(scene) == {3: 2}
        assert min(fewest) == 2
        assert served(scene) == {"serve"}
        first, second, third = await scene.operations.history("web")
        assert (first.outcome, third.outcome) == ("superseded by version 2", "current")
        assert re.match("failed: [34] replicas failed in a row", second.outcome)
        assert "no such model" in second.outcome
        assert third.reason.startswith("automatic rollback to version 1: ")
        seen = await shown(scene)
        assert (seen.status, seen.rollout, seen.stopped_reason) == (ServiceStatus.READY, None, "")

    play(tmp_path, story)


def test_a_version_that_never_answers_is_left(tmp_path: Path) -> None:
    """Nothing goes forward within the deadline, so that it is left, though no replica has failed three times."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        scene.world.behaviour = where(BAD, SILENT)
        await update(scene, text(BAD, "  update: {progress_deadline_seconds: 240}\n"))
        asked_at = scene.clock.now()
        await scene.until(lambda: complete(scene) and 3 in by_version(scene))
        assert 240 <= scene.clock.now() - asked_at < 300
        assert (await outcomes(scene))[1] == "failed: nothing went forward for 240 s"

    play(tmp_path, story)


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_an_update_without_a_machine_to_spare_says_so(tmp_path: Path, mode: UpdateMode) -> None:
    """Where no place has room beside the old replicas, it is told at once, with the way out; that works, and overtakes
    the update that waits. Who does nothing learns from the history why it was given up."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        await update(scene, text("serve --fast"), mode)
        asked_at = scene.clock.now()
        detail = await detail_once(scene, "no machine is to be had")
        assert scene.clock.now() - asked_at < 10
        assert "0 of 2 free" in detail
        assert detail.endswith("max_surge: 0, max_unavailable: 1}")
        await scene.until(lambda: complete(scene) and by_version(scene) == {3: 2})
        assert (await outcomes(scene))[1].endswith("for 1800 s; the last: simulated (a): asked for 1, 0 of 2 free")
        way_out = detail.rpartition(": update: ")[2]
        await update(scene, text("serve --fast", f"  update: {way_out}\n"))
        await scene.until(lambda: complete(scene) and by_version(scene) == {4: 2})
        assert served(scene) == {"serve --fast"}

    play(tmp_path, story, (Zone("a", capacity=lambda _now: 2),))


@pytest.mark.parametrize("mode", [UpdateMode.CANARY, UpdateMode.BLUE_GREEN])
def test_a_version_that_answers_with_errors_is_left(tmp_path: Path, mode: UpdateMode) -> None:
    """Ready, but worse than the old one at the endpoint: its traffic goes back, before any old replica is gone."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        launched = len(scene.world.launches)
        await update(scene, text("serve --fast"), mode)
        await scene.until(lambda: scene.percent() not in (None, 0))
        scene.plane.outcomes = {(1, 1): (500, 1), (1, 2): (500, 0), (1, 3): (60, 40)}
        await scene.until(lambda: complete(scene) and 3 in by_version(scene))
        assert by_version(scene) == {3: 2}
        assert sorted(scene.serving()) == [1, 2]
        assert len(scene.world.launches) - launched <= 2
        assert (await outcomes(scene))[1].startswith("failed: 40 of 60 requests failed, before: 1 of 1000")

    play(tmp_path, story)


def test_a_version_that_answers_with_errors_once_no_old_replica_is_left_is_left(tmp_path: Path) -> None:
    """Rolling ends the old replicas as soon as the new ones are ready. What they had answered is remembered, and the
    new ones are watched for a while, so that the version before comes back."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        await update(scene, text("serve --fast"))
        scene.plane.outcomes = {(1, 1): (500, 1), (1, 2): (500, 0)}
        await scene.until(lambda: by_version(scene) == {2: 2} and len(scene.world.machines) == 2)
        seen = await shown(scene)
        assert seen.rollout is not None
        assert "what they answer is watched for" in (await detail_once(scene, "watched"))
        scene.plane.outcomes |= {(1, replica_id): (60, 40) for replica_id in scene.serving()}
        await scene.until(lambda: complete(scene) and by_version(scene) == {3: 2})
        assert served(scene) == {"serve"}
        assert (await outcomes(scene))[1].endswith(" requests failed, before: 1 of 1000")

    play(tmp_path, story)


def test_a_rolled_version_that_answers_well_is_watched_and_kept(tmp_path: Path) -> None:
    """The update is over half a minute after the last old replica; at once where the old ones answered nothing."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        await update(scene, text("serve --fast"))
        scene.plane.outcomes = {(1, 1): (500, 1), (1, 2): (500, 0)}
        await scene.until(lambda: by_version(scene) == {2: 2} and len(scene.world.machines) == 2)
        exchanged_at = scene.clock.now()
        await scene.until(lambda: complete(scene))
        assert 25 <= scene.clock.now() - exchanged_at <= 35
        await update(scene, text("serve --faster"))
        await scene.until(lambda: by_version(scene) == {3: 2})
        await scene.clock.sleep(10)
        assert complete(scene)

    play(tmp_path, story)


def test_errors_of_both_versions_are_no_verdict(tmp_path: Path) -> None:
    """Where the old version fails as often, the new one is no worse and takes over."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        await update(scene, text("serve --fast"), UpdateMode.BLUE_GREEN)
        await scene.until(lambda: scene.percent() == 100)
        scene.plane.outcomes = {(1, 1): (100, 60), (1, 2): (100, 70), (1, 3): (60, 40)}
        await scene.until(lambda: complete(scene))
        assert by_version(scene) == {2: 2}

    play(tmp_path, story)


@pytest.mark.parametrize("mode", list(UpdateMode))
def test_without_rollback_launching_stops(tmp_path: Path, mode: UpdateMode) -> None:
    """The old replicas serve on, a lost one is replaced by one of their version, and the next update begins there."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        scene.world.behaviour = where(BAD, EXITS)
        await update(scene, text(BAD, "  update: {automatic_rollback: false}\n"), mode)
        stopped: Callable[[], bool] = lambda: bool(scene.controller.reconcilers[0].service.stopped_reason)  # noqa: E731
        await scene.until(stopped)
        launched = len(scene.world.launches)
        await scene.clock.sleep(900)
        assert len(scene.world.launches) == launched
        seen = await shown(scene)
        assert seen.status is ServiceStatus.READY
        assert re.search("the update to version 2 failed: [34] replicas failed in a row", seen.detail)
        assert "no such model" in seen.detail
        with pytest.raises(ServeError, match="cannot go on") as refused:
            await scene.operations.resume("web")
        assert "rollback" in refused.value.remedy
        scene.world.lose(scene.machine_of(min(scene.serving())))
        await scene.until(lambda: by_version(scene) == {1: 2})
        await update(scene, text("serve --fast"), mode)
        await scene.until(lambda: complete(scene))
        assert by_version(scene) == {3: 2}
        assert re.match("failed: [34] replicas failed", (await outcomes(scene))[1])

    play(tmp_path, story)


def test_a_version_that_fails_while_it_is_held_is_left_when_it_goes_on(tmp_path: Path) -> None:
    """While the user holds it nothing is gone back to: its replicas fail until launching stops. To resume is to have it
    judged."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        scene.world.behaviour = where(BAD, EXITS)
        await update(scene, NEW, UpdateMode.BLUE_GREEN)
        await scene.until(lambda: len(scene.world.launches) > 2)
        await scene.operations.pause("web")
        await scene.until(lambda: bool(scene.controller.reconcilers[0].service.stopped_reason))
        await scene.clock.sleep(60)
        assert by_version(scene) == {1: 2}
        await scene.operations.resume("web")
        await scene.until(lambda: complete(scene) and by_version(scene) == {3: 2})
        assert re.match(r"failed: \d+ replicas failed in a row; the last: .*no such model", (await outcomes(scene))[1])

    play(tmp_path, story, (Zone("a", boot_seconds=5),))


def test_a_broken_service_is_mended_by_an_update(tmp_path: Path) -> None:
    """Where launching stopped it goes on with the new version; there is nothing to go back to, so trying is all."""

    async def story(scene: Scene) -> None:
        scene.world.behaviour = where(BAD, EXITS)
        await scene.operations.up(task(NEW), "web", scene.folder)
        await scene.until(lambda: bool(scene.controller.reconcilers[0].service.stopped_reason))
        await update(scene, text(f"{BAD} again"), UpdateMode.BLUE_GREEN)
        await scene.until(lambda: bool(scene.controller.reconcilers[0].service.stopped_reason))
        assert (await outcomes(scene))[1] == "rolling out"
        await update(scene, text("serve --fast"), UpdateMode.BLUE_GREEN)
        await scene.until(lambda: complete(scene) and len(scene.serving()) == 2)
        assert by_version(scene) == {3: 2}

    play(tmp_path, story)


def test_going_back_to_what_fails_too_ends(tmp_path: Path) -> None:
    """Should the version gone back to fail as well, nobody goes to and fro: it is tried as any version that worked."""

    async def story(scene: Scene) -> None:
        await begin(scene, text())
        scene.world.behaviour = where("serve", EXITS)
        await update(scene, text("serve --fast"))
        for machine in list(scene.world.machines):
            scene.world.end_script(machine, "run", exit_code=1)
        await scene.clock.sleep(1200)
        versions = await scene.operations.history("web")
        assert len(versions) <= 3
        scene.world.behaviour = where(BAD, FOR_EVER)
        await scene.until(lambda: complete(scene) and len(scene.serving()) == 2)

    play(tmp_path, story)


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_probe_that_is_wrong_costs_one_replica_at_most(tmp_path: Path, replicas: int) -> None:
    """Only the probe changed, and nothing answers it: it is tried on one replica, the others are as they were, and in
    seconds all are again; nothing was restarted."""

    async def story(scene: Scene) -> None:
        await begin(scene, text(replicas=replicas))
        launched = len(scene.world.launches)
        scene.missing.add("/heath")
        await update(scene, text(replicas=replicas).replace("/health", "/heath"))
        fewest: list[int] = []
        watch = Watch(scene, lambda: fewest.append(len(scene.serving())))
        asked_at = scene.clock.now()
        await watch.until(lambda: complete(scene) and 3 in by_version(scene))
        assert by_version(scene) == {3: replicas}
        assert min(fewest) >= replicas - 1
        assert scene.clock.now() - asked_at < 30
        assert len(scene.world.launches) == launched
        assert "runs as before, but fails the new probe" in (await outcomes(scene))[1]

    play(tmp_path, story)


def test_a_probe_that_is_right_is_taken_over_by_all(tmp_path: Path) -> None:
    """One replica after the other is asked in the new way; none misses a request."""

    async def story(scene: Scene) -> None:
        await begin(scene, text(replicas=3))
        await update(scene, text(replicas=3).replace("/health", "/ready"))
        fewest: list[int] = []
        watch = Watch(scene, lambda: fewest.append(len(scene.serving())))
        await watch.until(lambda: complete(scene) and by_version(scene) == {2: 3})
        assert min(fewest) == 3
        (table,) = scene.plane.tables.values()
        assert table.health_path == "/ready"
        assert len(scene.world.launches) == 3

    play(tmp_path, story)
