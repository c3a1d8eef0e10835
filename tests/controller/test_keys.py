"""API keys as users make and revoke them, and as the endpoint hears of it."""

import hashlib
from pathlib import Path

import pytest

from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.key import KeyCount, KeyLimits
from tests.controller.scene import SERVICE, Scene, task
from tests.controller.test_stories import play

GUARDED = SERVICE.replace("  replicas: 2\n", "  replicas: 2\n  load_balancer:\n    require_key: true\n")
FREE = KeyLimits()


async def up(scene: Scene, text: str = GUARDED) -> None:
    """A service `web`."""
    await scene.operations.up(task(text), "web", scene.folder)


def digests(scene: Scene) -> list[str]:
    """Of the keys that the endpoint takes."""
    return [rule.digest for table in scene.plane.tables.values() for rule in table.keys]


def digest(key: str) -> str:
    """As it is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


def test_a_key_comes_and_goes(tmp_path: Path) -> None:
    """It is made for a while, reaches the endpoint, outlives a controller, and is revoked; nothing holds the key."""

    secrets: list[bytes] = []

    async def story(scene: Scene) -> None:
        await up(scene)
        made = await scene.operations.create_key("web", None, KeyLimits(60, priority=2), 3600)
        assert (made.required, made.about.name, made.about.prefix) == (True, "key-1", made.key[:10])
        assert made.about.expires_at == made.about.created_at + 3600
        await scene.until(lambda: digests(scene) == [digest(made.key)])
        (rule,) = next(iter(scene.plane.tables.values())).keys
        assert (rule.requests_per_minute, rule.priority, rule.expires_at) == (60, 2, made.about.expires_at)
        await scene.kill()
        await scene.begin()
        assert await scene.operations.keys("web") == [made.about]
        secrets.append(made.key[10:].encode())
        other = await scene.operations.create_key("web", None, FREE, None)
        assert (other.about.name, len(other.key), other.key != made.key) == ("key-2", 46, True)
        await scene.operations.revoke_key("web", "key-1")
        await scene.until(lambda: digests(scene) == [digest(other.key)])
        await scene.operations.revoke_key("web", str(other.about.key_id))
        await scene.until(lambda: digests(scene) == [])
        told = [line async for line in scene.operations.events("web", follow=False, tail=None)]
        assert sum("API key 'key-1' was" in line for line in told) == 2
        assert not [line for line in told if made.key[10:] in line]

    play(tmp_path, story)
    contents = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert contents
    assert not [content for content in contents if secrets[0] in content]


def test_a_spent_budget(tmp_path: Path) -> None:
    """What the endpoint counts is recorded; a key whose budget is spent is refused until it is full again."""

    async def story(scene: Scene) -> None:
        await up(scene)
        made = await scene.operations.create_key("web", "mobile", KeyLimits(tokens_per_minute=100), None)
        await scene.until(lambda: digests(scene) != [])
        service, number = next(iter(scene.plane.tables)), made.about.key_id
        scene.plane.key_counts[service] = {number: KeyCount(3, 120)}
        await scene.until(lambda: scene.plane.tables[service].keys[0].spent_until is not None)
        (view,) = await scene.operations.keys("web")
        assert (view.requests, view.tokens) == (3, 120)
        assert view.spent_until is not None
        assert view.spent_until % 60 == 0
        await scene.until(lambda: scene.plane.tables[service].keys[0].spent_until is None)
        await scene.kill()
        scene.plane.key_counts[service] = {number: KeyCount(1, 5)}
        await scene.begin()
        await scene.until(lambda: scene.clock.now() > view.spent_until + 10)  # type: ignore[operator]
        assert [(v.requests, v.tokens) for v in await scene.operations.keys("web")] == [(4, 125)]

    play(tmp_path, story)


def test_a_service_that_is_open(tmp_path: Path) -> None:
    """Keys may be made before they are required, and the answer says so."""

    async def story(scene: Scene) -> None:
        await up(scene, SERVICE)
        made = await scene.operations.create_key("web", "mobile", FREE, None)
        assert not made.required
        assert digests(scene) == []
        await scene.operations.update(task(GUARDED), "web", scene.folder, None)
        await scene.until(lambda: digests(scene) == [digest(made.key)])

    play(tmp_path, story)


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    """Each refusal says what is wrong and what to do instead, and repeats no key."""

    async def story(scene: Scene) -> None:
        await up(scene)
        await scene.until(lambda: len(scene.serving()) == 2)
        ask = scene.operations
        await ask.create_key("web", "mobile", FREE, None)
        for work, kind, words in (
            (ask.create_key("nobody", None, FREE, None), ErrorKind.NOT_FOUND, "'nobody' not found"),
            (ask.create_key("web", "mobile", FREE, None), ErrorKind.NAME_TAKEN, "named 'mobile' already"),
            (ask.create_key("web", "7", FREE, None), ErrorKind.INVALID_REQUEST, "'7' is not valid"),
            (ask.create_key("web", "sk-x", FREE, None), ErrorKind.INVALID_REQUEST, "of that name or id is not valid"),
            (ask.revoke_key("web", "mobil"), ErrorKind.NOT_FOUND, "no API key 'mobil'"),
            (ask.revoke_key("web", "sk-secret"), ErrorKind.NOT_FOUND, "no API key of that name or id"),
        ):
            with pytest.raises(ServeError, match=words) as told:
                await work
            assert told.value.kind is kind
            assert told.value.remedy
        await ask.down(["web"], purge=False)
        with pytest.raises(ServeError, match="is going down"):
            await ask.create_key("web", None, FREE, None)

    play(tmp_path, story)


def test_there_is_a_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service has so many keys at most."""
    monkeypatch.setattr("skyserve.controller.keys.MOST_KEYS", 2)

    async def story(scene: Scene) -> None:
        await up(scene)
        names = [(await scene.operations.create_key("web", None, FREE, None)).about.name for _ in range(2)]
        assert names == ["key-1", "key-2"]
        with pytest.raises(ServeError, match="has 2 API keys, as many as it may"):
            await scene.operations.create_key("web", None, FREE, None)

    play(tmp_path, story)
