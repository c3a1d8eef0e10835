"""Certificates by which replicas and the endpoint know each other: read from files, watched, kept."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skyserve.contracts.prober import ProbeResult
from skyserve.model.endpoint import ReplicaTls
from skyserve.model.error import ServeError
from skyserve.model.place import Address
from skyserve.model.route import Trust
from skyserve.model.service import ProbeSettings
from skyserve.sim.plane import WorldProber
from skyserve.sim.virtual import START
from tests.certificates import Made, made
from tests.controller.scene import SERVICE, Scene, task
from tests.controller.test_stories import play, view
from tests.controller.test_versions import update

SEALED = SERVICE.replace(
    "  replicas: 2\n",
    "  replicas: 1\n"
    "  load_balancer:\n"
    "    replica_tls: {cafile: ca.pem, server_name: replica.internal, certfile: cert.pem, keyfile: key.pem}\n",
)
INSECURE = "replicas: 1\n  load_balancer: {replica_tls: {insecure: true}}"
BEGIN = datetime.fromtimestamp(START, UTC)


def valid(days: float = 90) -> Made:
    """At the beginning of the story."""
    return made(begins=BEGIN - timedelta(days=1), days=days)


def trusts(scene: Scene) -> dict[ReplicaTls, Trust]:
    """What the endpoint of the one service knows of its replicas."""
    (table,) = scene.plane.tables.values()
    return dict(table.trusts)


async def up(scene: Scene, authority: Made, shown: Made) -> None:
    """A service whose certificates stand beside its files."""
    (scene.folder / "ca.pem").write_text(authority.chain)
    shown.write(scene.folder)
    await scene.operations.up(task(SEALED), "web", scene.folder)
    await scene.until(lambda: scene.serving() == [1])


def test_replicas_are_known_by_what_the_files_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint and probes are told; paths begin where the command was given; new files are taken up."""
    asked: list[tuple[ReplicaTls | None, Trust | None]] = []

    async def probe(_: WorldProber, __: Address, settings: ProbeSettings, known: Trust | None = None) -> ProbeResult:
        asked.append((settings.tls, known))
        return ProbeResult(True, "200")

    async def story(scene: Scene) -> None:
        authority, shown, renewed = valid(), valid(), valid(days=60)
        monkeypatch.setattr(WorldProber, "probe", probe)
        await up(scene, authority, shown)
        ((way, trust),) = trusts(scene).items()
        assert way.files == tuple(str(scene.folder / name) for name in ("ca.pem", "key.pem", "cert.pem"))
        assert way.server_name == "replica.internal"
        assert (trust.authorities, trust.pair) == (authority.chain, shown.as_model())
        assert [one.tls for table in scene.plane.tables.values() for one in table.backends] == [way]
        assert set(asked) == {(way, trust)}

        renewed.write(scene.folder)
        await scene.until(lambda: trusts(scene)[way].pair == renewed.as_model())
        asked.clear()
        await scene.until(lambda: bool(asked))
        assert asked[-1] == (way, trusts(scene)[way])

    play(tmp_path, story)


def test_broken_files_change_nothing(tmp_path: Path) -> None:
    """The user is told of the first to end, and of what is wrong; the next controller needs no files; with the service
    what was kept is gone."""

    async def story(scene: Scene) -> None:
        await up(scene, valid(days=10), valid())
        good = trusts(scene)
        assert f"{scene.folder}/ca.pem ends on 2023-" in (await view(scene)).detail
        (scene.folder / "ca.pem").write_text("nothing")
        await scene.clock.sleep(10)
        assert "service.load_balancer.replica_tls.cafile" in (await view(scene)).detail
        assert trusts(scene) == good

        scene.plane.tables.clear()
        await scene.revive()
        assert trusts(scene) == good
        (tmp_path / "sky/serve/certificates/1-of-before.json").write_text("{}")
        await scene.revive()
        kept = [*(tmp_path / "sky/serve/certificates").iterdir()]
        assert [stat.S_IMODE(file.stat().st_mode) for file in kept] == [0o600]
        await scene.operations.down(["web"], False)
        await scene.until(lambda: not scene.controller.reconcilers)
        assert not any((tmp_path / "sky/serve/certificates").iterdir())

    play(tmp_path, story)


def test_without_files_anybody_is_trusted(tmp_path: Path) -> None:
    """`insecure: true` needs no file: nothing is watched, nothing kept, and there is nothing to tell."""

    async def story(scene: Scene) -> None:
        await scene.operations.up(task(SERVICE.replace("replicas: 2", INSECURE)), "web", scene.folder)
        await scene.until(lambda: scene.serving() == [1])
        assert trusts(scene) == {ReplicaTls(): Trust()}
        assert (await view(scene)).detail == ""
        assert not (tmp_path / "sky/serve/certificates").exists()

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("ca.pem", "nothing", r"replica_tls\.cafile: .*/ca.pem holds no certificate in PEM"),
        ("ca.pem", valid(days=0.5).chain, r"replica_tls\.cafile: .*/ca.pem expired on 2023-"),
        ("key.pem", valid().key_text(), r"replica_tls\.certfile: .* is not the certificate of the key"),
    ],
)
def test_what_nobody_could_use_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    """`up` says which file, and what is wrong with it."""

    async def story(scene: Scene) -> None:
        (scene.folder / "ca.pem").write_text(valid().chain)
        valid().write(scene.folder)
        (scene.folder / name).write_text(text)
        with pytest.raises(ServeError, match=words):
            await scene.operations.up(task(SEALED), "web", scene.folder)

    play(tmp_path, story)


def test_each_replica_is_spoken_to_in_its_own_way(tmp_path: Path) -> None:
    """While an update brings https, old replicas are spoken to by http; once they are gone so is what was for them."""

    async def story(scene: Scene) -> None:
        await up(scene, valid(), valid())
        (way,) = trusts(scene)
        seen = set[frozenset[ReplicaTls | None]]()

        def ways() -> set[ReplicaTls | None]:
            found = {one.tls for table in scene.plane.tables.values() for one in table.backends}
            seen.add(frozenset(found))
            return found

        await update(scene, SERVICE.replace("run: serve", "run: serve --plain").replace("replicas: 2", "replicas: 1"))
        await scene.until(lambda: ways() == {None})
        assert frozenset({way, None}) in seen
        await scene.until(lambda: trusts(scene) == {})
        assert not any((tmp_path / "sky/serve/certificates").iterdir())

    play(tmp_path, story)
