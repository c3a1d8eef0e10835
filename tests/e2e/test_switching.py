"""Whatever of the endpoint is switched by `sky serve update`: no request fails for it, and no stream is cut."""

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.certificates import Made, made
from tests.e2e import model_server
from tests.examples.installation import PATIENCE_SECONDS, Installation, own_installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * PATIENCE_SECONDS)]

SERVICE = """
service:
  readiness_probe: {path: /health, endpoint_probe_interval_seconds: 1}
  replicas: 2
  drain_seconds: 5
  SETTINGS
resources: {ports: 8080}
workdir: code
run: exec python3 model_server.py
"""
CHAT = "/v1/chat/completions"
AT_ONCE = 4
"""What a replica gets where there is a limit."""
MANY = 24
"""Requests at once: more than two replicas get then, and less than a replica takes without a limit."""
numbers = count(1)


class Client:
    """One of the service's: it has a key, and asks for what it is told to."""

    def __init__(self, endpoint: str, key: str | None = None, verify: ssl.SSLContext | bool = True) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.AsyncClient(base_url=endpoint, headers=headers, verify=verify, timeout=PATIENCE_SECONDS)

    async def ask(self, prompt: str = "", session: str = "", seconds: float = 0.02) -> httpx.Response:
        """A chat; what is not said is new each time. The replica takes so long."""
        own = str(next(numbers))
        chat = {"messages": [{"role": "user", "content": prompt or own}], "seconds": seconds}
        return await self.http.post(CHAT, json=chat, headers={"x-session": session or own})

    async def replicas(self, prompt: str = "", session: str = "") -> set[str]:
        """Who answers a dozen requests that have this in common."""
        return {(await self.ask(prompt, session)).json()["replica"] for _ in range(12)}

    async def most_at_once(self) -> int:
        """Requests that a replica had, of many that came at once."""
        answers = await asyncio.gather(*(self.ask(seconds=0.5) for _ in range(MANY)))
        return max(int(answer.json()["at_once"]) for answer in answers)


class Traffic:
    """Requests one after the other, by each of so many, and one stream. What goes wrong is remembered."""

    def __init__(self, client: Client, asking: int) -> None:
        self._client = client
        self._asking = asking
        self.troubles: list[str] = []
        self.answers = 0
        self.events = 0

    async def flow(self) -> None:
        """Until it is cancelled."""
        await asyncio.gather(self._listen(), *(self._ask() for _ in range(self._asking)))

    async def _ask(self) -> None:
        while True:
            try:
                response = await self._client.ask()
            except httpx.HTTPError as error:
                self.troubles.append(repr(error))
            else:
                self.troubles += [response.text] if response.status_code != 200 else []
                self.answers += 1

    async def _listen(self) -> None:
        try:
            async with self._client.http.stream("GET", "/events") as response:
                async for line in response.aiter_lines():
                    self.events += line.startswith("data:")
            self.troubles.append("the stream ended")
        except httpx.HTTPError as error:
            self.troubles.append(f"the stream was cut: {error!r}")

    async def goes_on(self) -> None:
        """Wait until some more of both came; fail if anything went wrong so far."""
        answers, events = self.answers + 20 * self._asking, self.events + 20
        await until(lambda: bool(self.troubles) or (self.answers >= answers and self.events >= events))
        assert not self.troubles


@asynccontextmanager
async def traffic(client: Client, asking: int = 2) -> AsyncIterator[Traffic]:
    """For as long as it is looked at."""
    traffic = Traffic(client, asking)
    flowing = asyncio.create_task(traffic.flow())
    try:
        await traffic.goes_on()
        yield traffic
    finally:
        flowing.cancel()
        await asyncio.wait([flowing])
        await client.http.aclose()


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for it; fail if it does not come."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found if isinstance(found := holds(), bool) else await found):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def written(directory: Path, settings: dict[str, Any]) -> Path:
    """The service with these settings."""
    file = directory / "service.yaml"
    lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()]
    file.write_text(SERVICE.replace("SETTINGS", "\n  ".join(lines)))
    return file


def begun(installation: Installation, directory: Path, settings: dict[str, Any]) -> str:
    """The service's endpoint, once all its replicas are ready."""
    (directory / "code").mkdir()
    shutil.copy(model_server.__file__, directory / "code")
    written(directory, settings)
    return installation.up(directory, "web")


async def switch(installation: Installation, directory: Path, settings: dict[str, Any]) -> None:
    """By the command line, as it takes over to its end."""
    command = ("serve", "update", "web", str(written(directory, settings)), "-y")
    await asyncio.to_thread(installation.sky, *command, directory=directory)


def test_policies_limits_and_keys_are_switched_under_load(tmp_path: Path) -> None:
    """Each has its effect, and is lifted again, while requests and a stream go on as if nothing were."""

    async def story(installation: Installation, endpoint: str, key: str) -> None:
        client, stranger = Client(endpoint, key), Client(endpoint)

        async def alike(replicas: int, **common: str) -> bool:
            return len(await client.replicas(**common)) == replicas

        async def refused() -> bool:
            return (await stranger.ask()).status_code == 401

        async def welcome() -> bool:
            return (await stranger.ask()).status_code == 200

        async def limited() -> bool:
            return await client.most_at_once() <= AT_ONCE

        async def unlimited() -> bool:
            return await client.most_at_once() > AT_ONCE

        by_prefix = {"load_balancing_policy": "prefix_affinity", "load_balancer": {"affinity_load_percent": 10000}}
        by_session = {"load_balancing_policy": "session_affinity", "load_balancer": {"session_header": "x-session"}}
        in_turn: dict[str, Any] = {"load_balancing_policy": "round_robin"}
        few = in_turn | {"load_balancer": {"max_concurrency_per_replica": AT_ONCE}}
        guarded = in_turn | {"load_balancer": {"require_key": True}}
        steps: Sequence[tuple[dict[str, Any], Callable[[], Awaitable[bool]]]] = (
            (by_prefix, lambda: alike(1, prompt="once upon a time")),
            (by_session, lambda: alike(1, session="mine")),
            (in_turn, lambda: alike(2, prompt="once upon a time", session="mine")),
            (few, limited),
            (in_turn, unlimited),
            (guarded, refused),
            (in_turn, welcome),
        )
        async with traffic(client) as flowing:
            for settings, effective in steps:
                await switch(installation, tmp_path, settings)
                await until(effective)
                await flowing.goes_on()
        await stranger.http.aclose()

    with own_installation() as installation:
        endpoint = begun(installation, tmp_path, {"load_balancing_policy": "least_load"})
        key = installation.sky("serve", "keys", "create", "web", "mine", "-q").splitlines()[0]
        asyncio.run(story(installation, endpoint, key))


async def asked_by_http(endpoint: str) -> httpx.Response:
    """Request after request on one connection and its successors, until one is told to come by https."""
    client = Client(endpoint)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (response := await client.ask()).status_code == 200:
            pass
    await client.http.aclose()
    return response


async def refused_by_https(endpoint: str, trusting: ssl.SSLContext) -> httpx.ConnectError:
    """Request after request, each answered, on one connection and its successors, until no further one comes about."""
    client = Client(endpoint, verify=trusting)
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            while True:
                assert (await client.ask()).status_code == 200
        except httpx.ConnectError as error:
            return error
        finally:
            await client.http.aclose()


async def statuses_by_http(endpoint: str) -> list[int]:
    """Request after request, each on a connection of its own, until one is answered with 200."""
    statuses: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while statuses[-1:] != [200]:
            client = Client(endpoint)
            statuses.append((await client.ask()).status_code)
            await client.http.aclose()
    return statuses


def tls(directory: Path, pair: Made, name: str) -> dict[str, Any]:
    """The setting, and its files in a folder of this name."""
    (folder := directory / name).mkdir()
    files = pair.write(folder)
    return {"tls": {"keyfile": files.keyfile, "certfile": files.certfile}}


def traces_of(installation: Installation, pair: Made) -> list[str]:
    """Files of the installation that hold the key."""
    secret = pair.key_text().splitlines()[1].encode()
    files = [path for path in installation.home.root.rglob("*") if path.is_file()]
    return [str(path) for path in files if path.exists() and secret in path.read_bytes()]


def test_tls_is_switched_on_and_its_certificate_changed_under_load(tmp_path: Path) -> None:
    """What is under way by http goes on while the port begins to speak https; another certificate cuts nothing."""

    async def story(installation: Installation, http: str) -> None:
        https = http.replace("http:", "https:")
        first, second = made(), made()
        trusting = ssl.create_default_context(cadata=first.chain + second.chain)

        async def shown(pair: Made) -> bool:
            address = ("127.0.0.1", int(http.rpartition(":")[2]))
            return await asyncio.to_thread(ssl.get_server_certificate, address) == pair.chain

        async with traffic(Client(http), asking=0) as stream:
            plain = asyncio.create_task(asked_by_http(http))
            await switch(installation, tmp_path, tls(tmp_path, first, "first"))
            last = await plain
            assert (last.status_code, last.json()["error"]["type"]) == (400, "https_required")
            await stream.goes_on()
        async with traffic(Client(https, verify=trusting)) as flowing:
            await until(lambda: shown(first))
            await switch(installation, tmp_path, tls(tmp_path, second, "second"))
            await until(lambda: shown(second))
            await flowing.goes_on()

    with own_installation() as installation:
        asyncio.run(story(installation, begun(installation, tmp_path, {})))


def test_tls_is_switched_off_under_load(tmp_path: Path) -> None:
    """What is under way by https goes on, and is answered, while the same port begins to speak http, which it does from
    one connection to the next; further connections by https come to nothing. The replicas stay, the version is current,
    and the controller keeps the key no longer."""

    async def story(installation: Installation, https: str, pair: Made) -> None:
        http = https.replace("https:", "http:")
        trusting = ssl.create_default_context(cadata=pair.chain)
        async with traffic(Client(https, verify=trusting), asking=0) as stream:
            secured = asyncio.create_task(refused_by_https(https, trusting))
            plain = asyncio.create_task(statuses_by_http(http))
            switching = asyncio.create_task(switch(installation, tmp_path, {}))
            *before, _ = await plain
            assert {*before} == {400}
            await stream.goes_on()
            await switching
            assert "SSL" in str(await secured)
        async with traffic(Client(http)) as flowing:
            await flowing.goes_on()

    def replicas(installation: Installation) -> list[tuple[int, str]]:
        return [(one["replica_id"], one["status"]) for one in installation.service("web")["replicas"]]

    with own_installation() as installation:
        pair = made()
        endpoint = begun(installation, tmp_path, tls(tmp_path, pair, "pair"))
        assert endpoint.startswith("https:")
        assert traces_of(installation, pair)
        first = replicas(installation)
        asyncio.run(story(installation, endpoint, pair))

        view = installation.service("web")
        assert (view["endpoint"], view["tls_encrypted"]) == (endpoint.replace("https:", "http:"), False)
        assert (view["version"], view["active_versions"], view["rollout"], view["detail"]) == (2, [2], None, "")
        assert replicas(installation) == first
        assert traces_of(installation, pair) == []
        assert installation.sky("serve", "history", "web").splitlines()[-1].split()[-1] == "current"
