"""Endpoints with TLS: the user's files are checked, watched, and no longer needed once they were read."""

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.route import Certificate
from skyserve.sim.virtual import START
from tests.certificates import Made, made
from tests.controller.scene import SERVICE, Scene, task
from tests.controller.test_stories import play

WITH_TLS = SERVICE.replace("  replicas: 2\n", "  replicas: 1\n  tls: {keyfile: key.pem, certfile: cert.pem}\n")
BEGIN = datetime.fromtimestamp(START, UTC)


def valid(days: float = 90) -> Made:
    """At the beginning of the story."""
    return made(begins=BEGIN - timedelta(days=1), days=days)


def used(scene: Scene) -> Certificate | None:
    """What the one endpoint proves itself with."""
    (table,) = scene.plane.tables.values()
    return table.certificate


async def up(scene: Scene, certificate: Made) -> None:
    """A service whose key and certificate stand beside its files."""
    certificate.write(scene.folder)
    await scene.operations.up(task(WITH_TLS), "web", scene.folder)
    await scene.until(lambda: scene.serving() == [1])


async def detail(scene: Scene) -> str:
    """What its user is told."""
    [view] = await scene.operations.services(["web"])
    return view.detail


async def told(scene: Scene) -> list[str]:
    """Events about the certificate."""
    events = await scene.controller.world.store.events(1)
    return [event.reason for _, event in events if event.kind == "certificate"]


def test_a_service_with_tls_is_shown_as_https(tmp_path: Path) -> None:
    """The files are found from where the command was given, and the address is https."""

    async def story(scene: Scene) -> None:
        certificate = valid()
        await up(scene, certificate)

        [view] = await scene.operations.services(["web"])

        assert view.tls_encrypted
        assert view.endpoint.startswith("https://")
        assert used(scene) == certificate.as_model()
        assert view.detail == ""

    play(tmp_path, story)


def _without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _holding(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


REFUSED = {
    "no key": (_without("key.pem"), r"keyfile: .*/key.pem cannot be read: No such file"),
    "no certificate": (_without("cert.pem"), r"certfile: .*/cert.pem cannot be read: No such file"),
    "no PEM": (_holding("cert.pem", "hello"), r"certfile: .* holds no certificate in PEM"),
    "no key in PEM": (_holding("key.pem", "hello"), r"keyfile: .* holds no private key in PEM"),
    "a file too large": (_holding("key.pem", "x" * (2**20 + 1)), r"keyfile: .* is larger"),
    "an encrypted key": (_holding("key.pem", valid().key_text(b"sesame")), r"keyfile: .* is encrypted"),
    "another key": (_holding("key.pem", valid().key_text()), r"certfile: .* is not the certificate of the key"),
    "expired": (lambda folder: valid(days=0.5).write(folder), r"certfile: .* expired on 2023-"),
    "to come": (lambda folder: made(begins=BEGIN + timedelta(days=1)).write(folder), r"certfile: .* not valid before"),
    "an unknown kind": (
        lambda folder: made(ed25519.Ed25519PrivateKey.generate(), begins=BEGIN).write(folder),
        r"keyfile: .* of a kind that the endpoint does not take",
    ),
    "a short key": (
        lambda folder: made(rsa.generate_private_key(65537, 1024), begins=BEGIN).write(folder),
        r"keyfile: .* of a kind that the endpoint does not take",
    ),
}


@pytest.mark.parametrize(("spoil", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_an_endpoint_cannot_use_is_refused(tmp_path: Path, spoil: Callable[[Path], object], words: str) -> None:
    """`up` and `update` say which file, what is wrong and what to do, and show nothing of it."""

    async def story(scene: Scene) -> None:
        valid().write(scene.folder)
        spoil(scene.folder)

        await scene.operations.up(task(SERVICE), "plain", scene.folder)

        with pytest.raises(ServeError, match=words) as raised:
            await scene.operations.up(task(WITH_TLS), "web", scene.folder)
        with pytest.raises(ServeError, match=words):
            await scene.operations.update(task(WITH_TLS), "plain", scene.folder, None)
        assert raised.value.kind is ErrorKind.INVALID_REQUEST
        assert raised.value.remedy
        assert "sesame" not in str(raised.value)

    play(tmp_path, story)


def test_new_files_are_taken_up(tmp_path: Path) -> None:
    """A pair that replaces the old one is used within seconds, and an event tells until when it is good."""

    async def story(scene: Scene) -> None:
        await up(scene, valid())
        renewed = valid(days=60)
        renewed.write(scene.folder)

        await scene.until(lambda: used(scene) == renewed.as_model())

        assert "it ends on 2024-01-12" in (await told(scene))[-1]
        assert await detail(scene) == ""

    play(tmp_path, story)


def test_broken_files_change_nothing(tmp_path: Path) -> None:
    """Files that an endpoint cannot use leave it what it had; its user is told, and once they are mended no longer."""

    async def story(scene: Scene) -> None:
        good, other = valid(), valid()
        await up(scene, good)
        (scene.folder / "cert.pem").write_text(other.chain)
        await scene.clock.sleep(10)

        assert used(scene) == good.as_model()
        assert "is not the certificate of the key" in (await told(scene))[-1]
        assert "The certificate before is still used." in await detail(scene)

        (scene.folder / "key.pem").write_text(other.key_text())
        await scene.until(lambda: used(scene) == other.as_model())
        assert await detail(scene) == ""

    play(tmp_path, story)


def test_the_next_controller_needs_no_files(tmp_path: Path) -> None:
    """Where the files are gone when a controller starts, it goes on with what was read last, from a private file."""

    async def story(scene: Scene) -> None:
        good = valid()
        await up(scene, good)
        for name in ("key.pem", "cert.pem"):
            (scene.folder / name).unlink()
        scene.plane.tables.clear()

        await scene.revive()

        assert used(scene) == good.as_model()
        kept = [*(tmp_path / "sky/serve/certificates").iterdir()]
        assert [stat.S_IMODE(file.stat().st_mode) for file in kept] == [0o600]
        await scene.clock.sleep(2)
        assert "cannot be read" in await detail(scene)
        await scene.operations.down(["web"], False)
        await scene.until(lambda: not scene.controller.reconcilers)
        assert not any((tmp_path / "sky/serve/certificates").iterdir())

    play(tmp_path, story)


def test_the_key_is_not_kept_for_nothing(tmp_path: Path) -> None:
    """Once an update has switched TLS off, nothing of the pair is left among the controller's files."""

    async def story(scene: Scene) -> None:
        await up(scene, valid())
        assert any((tmp_path / "sky/serve/certificates").iterdir())
        plain = task(WITH_TLS.replace("  tls: {keyfile: key.pem, certfile: cert.pem}\n", ""))
        await scene.operations.update(plain, "web", scene.folder, None)
        await scene.until(lambda: used(scene) is None)
        assert not any((tmp_path / "sky/serve/certificates").iterdir())

    play(tmp_path, story)


def test_a_kept_pair_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    """Without files, and with what was kept spoiled, nothing is known, and the user is told what to do."""

    async def story(scene: Scene) -> None:
        await up(scene, valid())
        (scene.folder / "key.pem").unlink()
        [kept] = (tmp_path / "sky/serve/certificates").iterdir()
        kept.write_text(json.dumps({"chain": 1}))

        await scene.revive()

        assert used(scene) is None
        await scene.clock.sleep(2)
        assert "cannot be read" in await detail(scene)
        assert "still used" not in await detail(scene)

    play(tmp_path, story)


def test_the_end_is_told_in_time(tmp_path: Path) -> None:
    """Two weeks before a certificate ends its user is told."""

    async def story(scene: Scene) -> None:
        await up(scene, valid(days=15.01))
        assert await detail(scene) == ""

        await scene.clock.sleep(0.01 * 86400)

        assert "ends on 2023-11-2" in await detail(scene)

    play(tmp_path, story)
