"""OpenAI's own client through the endpoint, with a replica that speaks its protocol."""

import asyncio
import json
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionMessageParam

from skyserve.model.endpoint import EndpointSettings
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy
from tests.endpoint.bench import Bench, until, url
from tests.endpoint.conftest import MakeReplica
from tests.endpoint.replica import Reply, Request
from tests.endpoint.test_keys import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
BOTH = [LoadBalancingPolicy.LEAST_LOAD, LoadBalancingPolicy.PREFIX_AFFINITY]
WORDS = ("how", " do", " you", " do")


class Server:
    """Answers with its words, or with words without end if it is asked for `endless`."""

    def __init__(self) -> None:
        self.cut = asyncio.Event()
        """Set once a client has hung up while it was answered."""

    async def __call__(self, request: Request, reply: Reply) -> None:
        asked = json.loads(request.body)
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
            await reply.send(200, json.dumps(whole).encode(), {"content-type": "application/json"})
            return
        await reply.begin("text/event-stream")
        for word in WORDS:
            await self._say(reply, word)
        while asked["model"] == "endless":
            try:
                await self._say(reply, " and")
            except ConnectionError:
                self.cut.set()
                raise
            await asyncio.sleep(0.01)
        await reply.chunk(b"data: [DONE]\n\n")
        await reply.chunk(b"")

    async def _say(self, reply: Reply, word: str) -> None:
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        await reply.chunk(f"data: {json.dumps(chunk)}\n\n".encode())


def client_of(table: RouteTable, key: str = "none") -> openai.AsyncOpenAI:
    """As a user makes it, but that it tries once."""
    return openai.AsyncOpenAI(base_url=url(table, "/v1"), api_key=key, max_retries=0, timeout=60)


@pytest_asyncio.fixture(loop_scope="module", params=BOTH)
async def served(
    bench: Bench, replica: MakeReplica, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Server, openai.AsyncOpenAI, int]]:
    """A server, its client, and the service's id; with bodies that pass and with bodies that are held back."""
    server = Server()
    table = await bench.serve([await replica("a", server)], request.param)
    async with client_of(table) as client:
        yield server, client, table.service_id


Served = tuple[Server, openai.AsyncOpenAI, int]


async def test_an_answer(served: Served) -> None:
    """A chat is answered."""
    _, client, _ = served
    answer = await client.chat.completions.create(model="m", messages=HELLO)

    assert answer.choices[0].message.content == "how do you do"


async def test_a_stream(served: Served) -> None:
    """An answer arrives word by word, to its end."""
    _, client, _ = served
    stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)

    assert [chunk.choices[0].delta.content async for chunk in stream] == list(WORDS)


async def test_a_stream_that_its_client_leaves(bench: Bench, served: Served) -> None:
    """When the client closes the stream the replica learns of it at once, and nothing stays in flight."""
    server, client, service_id = served
    stream = await client.chat.completions.create(model="endless", messages=HELLO, stream=True)
    async for _ in stream:
        break
    await stream.close()

    async with asyncio.timeout(60):
        await server.cut.wait()
    await until(lambda: bench.router.status(service_id)[1].in_flight == 0)


async def test_no_replica(bench: Bench) -> None:
    """The client shows what the endpoint says, as an error of its own kind."""
    table = await bench.serve([])
    async with client_of(table) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="m", messages=HELLO)

    assert caught.value.status_code == 503
    assert caught.value.type == "no_ready_replica"
    assert f"sky serve status {table.name}" in str(caught.value)


async def test_keys(bench: Bench, replica: MakeReplica) -> None:
    """A wrong key is an AuthenticationError, a key that asks too often a RateLimitError; both say what is wrong."""
    key, rule = new_key(requests_per_minute=1)
    table = await bench.serve([await replica("a", Server())], settings=EndpointSettings(require_key=True), keys=[rule])
    async with client_of(table) as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            await stranger.chat.completions.create(model="m", messages=HELLO)
    async with client_of(table, key) as client:
        await client.chat.completions.create(model="m", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="m", messages=HELLO)

    assert refused.value.type == "invalid_api_key"
    assert limited.value.type == "rate_limit_exceeded"
    assert int(limited.value.response.headers["retry-after"]) > 0
