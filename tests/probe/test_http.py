"""Readiness probes against real servers of every temper."""

import asyncio
import json
import socket
import time
from dataclasses import replace

import pytest

from skyserve.contracts.prober import Prober, ProbeResult
from skyserve.model.endpoint import ReplicaKey
from skyserve.model.place import Address
from skyserve.model.service import ProbeSettings
from skyserve.probe.http import MAX_BODY, HttpProber
from tests.probe.servers import Answer, replica, says

PATIENT = ProbeSettings(timeout=60)
"""For what is answered at once: never reached, even on a slow machine."""
HASTY = ProbeSettings(timeout=0.3)
"""For what is never answered."""
SECRET = "Bearer hunter2"
UNSENDABLE = "a header of the probe holds characters that cannot be sent"


@pytest.fixture
def prober() -> Prober:
    """The one prober of a controller."""
    return HttpProber()


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_200_is_ready(prober: Prober, host: str) -> None:
    """A plain answer, over IPv4 and IPv6."""
    async with replica(says("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"), host) as address:
        assert await prober.probe(address, PATIENT) == ProbeResult(True, "200")


async def test_connecting_is_timed(prober: Prober) -> None:
    """The result tells how long the connection took, without the time that the server took to answer."""
    pause = 0.2

    async def slow(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(pause)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async with replica(slow) as address:
        began = time.monotonic()
        trip = (await prober.probe(address, PATIENT)).trip

    assert trip is not None
    assert 0 < trip <= time.monotonic() - began - pause * 0.99  # the loop's clock may be a little ahead
    assert (await prober.probe(Address("127.0.0.1", closed_port()), PATIENT)).trip is None


@pytest.mark.parametrize("status", [201, 204, 299, 304, 401, 404, 500, 503])
async def test_any_other_status_is_not(prober: Prober, status: int) -> None:
    """The status is told."""
    async with replica(says(f"HTTP/1.1 {status} Words\n\n")) as address:
        assert await prober.probe(address, PATIENT) == ProbeResult(False, f"status {status}")


async def test_the_request_is_as_configured(prober: Prober) -> None:
    """Path with query, the user's headers over ours, and for a POST the JSON body."""
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    headers = {"authorization": SECRET, "User-Agent": "mine", "Host": "model.example"}
    get = replace(PATIENT, path="/v1/health?deep=1", headers=headers, body={"ignored": True})
    post = replace(PATIENT, path="/v1/chat", method="POST", body={"prompt": "naïve", "max_tokens": 1})
    async with replica(answer) as address:
        assert (await prober.probe(address, get)).ready
        assert (await prober.probe(address, post)).ready
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"get /v1/health?deep=1 http/1.1"
    assert {b"authorization: bearer hunter2", b"user-agent: mine", b"host: model.example"} <= set(lines)
    assert body == b""
    head, _, body = seen[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat HTTP/1.1")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body) == post.body


async def test_redirects_are_followed(prober: Prober) -> None:
    """To the final status, with cookies set on the way, and a POST as a POST where the status says so."""
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        if request.startswith(b"POST /a "):
            writer.write(b"HTTP/1.1 307 Elsewhere\r\nLocation: /b\r\nSet-Cookie: session=1\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    settings = replace(PATIENT, path="/a", method="POST", body=[1], headers={"X-Key": "hunter2"})
    async with replica(answer) as address:
        assert (await prober.probe(address, settings)).ready
        assert (await prober.probe(address, settings)).ready
    assert [request.split(b" ", 2)[1] for request in seen] == [b"/a", b"/b", b"/a", b"/b"]
    assert all(request.endswith(b"\r\n\r\n[1]") and b"X-Key: hunter2" in request for request in seen)
    assert [b"session=1" in request for request in seen] == [False, True, False, True]


async def test_other_origins_get_no_keys(prober: Prober) -> None:
    """A redirect to another server is followed without the user's headers."""
    seen: list[bytes] = []

    async def other(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    headers = {"Authorization": SECRET, "X-Api-Key": "hunter2", "Host": "model.example"}
    async with replica(other) as elsewhere, replica(says(f"HTTP/1.1 302 F\nLocation: http://{elsewhere}/\n\n")) as here:
        assert (await prober.probe(here, replace(PATIENT, headers=headers))).ready
    (request,) = seen
    assert b"hunter2" not in request
    assert f"host: {elsewhere}".encode() in request.lower()


async def test_replicas_are_shown_their_key(prober: Prober) -> None:
    """With each probe, unless its own headers hold another one; and nobody else is."""
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request.lower())
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    keyed = replace(PATIENT, key=ReplicaKey("hunter2"))
    async with replica(answer) as address, replica(says(f"HTTP/1.1 302 F\nLocation: http://{address}/\n\n")) as away:
        assert (await prober.probe(address, keyed)).ready
        assert (await prober.probe(address, replace(keyed, headers={"Authorization": "Bearer hunter3"}))).ready
        assert (await prober.probe(address, replace(PATIENT, key=ReplicaKey("hunter2", "x-key")))).ready
        assert (await prober.probe(away, keyed)).ready
    assert b"authorization: bearer hunter2\r\n" in seen[0]
    assert b"hunter2" not in seen[1]
    assert b"x-key: hunter2\r\n" in seen[2]
    assert b"hunter2" not in seen[3]


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ("HTTP/1.1 302 Found\nLocation: /\n\n", "redirects without end"),
        ("HTTP/1.1 302 Found\nLocation: ftp://x/\n\n", "the path, or an address it redirects to, is not one of HTTP"),
        ("HTTP/1.1 302 Found\nLocation: http://[::x\n\n", "the answer is not HTTP, or was cut short"),
        ("HTTP/1.1 302 Found\n\n", "status 302"),
        ("SSH-2.0-OpenSSH_9.2\n", "the answer is not HTTP, or was cut short"),
        ("", "the answer is not HTTP, or was cut short"),
        ("HTTP/1.1 200", "the answer is not HTTP, or was cut short"),
        ("HTTP/1.1 200 OK\nContent-Length: 10\n\nhalf", "the answer is not HTTP, or was cut short"),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nzz\n", "the answer is not HTTP, or was cut short"),
        ("HTTP/1.1 200 OK\nX: " + "x" * 1_000_000 + "\n\n", "the answer is not HTTP, or was cut short"),
    ],
)
async def test_nonsense_is_told_as_such(prober: Prober, answer: str, detail: str) -> None:
    """What is no proper answer is not ready, and said so in words."""
    async with replica(says(answer)) as address:
        assert await prober.probe(address, PATIENT) == ProbeResult(False, detail)


async def test_what_is_not_gzip_is_not_unpacked(prober: Prober) -> None:
    """A body that lies about its encoding is a body still: only the status counts."""
    async with replica(says("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4\n\nnope")) as address:
        assert (await prober.probe(address, PATIENT)).ready


async def test_a_closed_port_is_refused(prober: Prober) -> None:
    """Nobody listens: also told through a name with two addresses."""
    port = closed_port()
    for host in ("127.0.0.1", "localhost"):
        assert await prober.probe(Address(host, port), PATIENT) == ProbeResult(False, "connection refused")


async def test_a_reset_is_told(prober: Prober) -> None:
    """A server that drops the connection hard."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with replica(answer) as address:
        result = await prober.probe(address, PATIENT)
    assert result in (
        ProbeResult(False, "connection reset by peer"),
        ProbeResult(False, "the answer is not HTTP, or was cut short"),
    )


async def _say_nothing(_: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _trickle_a_header(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _trickle_a_body(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _trickle_continues(_: bytes, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("answer", [_say_nothing, _trickle_a_header, _trickle_a_body, _trickle_continues])
async def test_the_timeout_bounds_the_whole(prober: Prober, answer: Answer) -> None:
    """Silence, and a byte now and then, end at the timeout."""
    async with replica(answer) as address:
        assert await prober.probe(address, HASTY) == ProbeResult(False, "no answer within 0.3 s")


async def test_slow_redirects_end_at_the_timeout(prober: Prober) -> None:
    """Each hop is quick enough, all of them together are not."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")

    async with replica(answer) as address:
        assert await prober.probe(address, HASTY) == ProbeResult(False, "no answer within 0.3 s")


async def test_an_endless_answer_is_not_read_to_its_end(prober: Prober) -> None:
    """A server that says 200 and goes on sending is ready, and costs no memory."""
    sent = 0

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with replica(answer) as address:
        assert (await prober.probe(address, PATIENT)).ready
    # What the kernel's buffers took besides is a few MiB at most.
    assert sent < MAX_BODY + 64 * 1024 * 1024


async def test_many_probes_run_at_once(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds wait side by side: none is answered before all have arrived."""
    # A loaded machine's time goes by while this very process makes the connections, all of them.
    monkeypatch.setattr("skyserve.probe.http.CONNECT_SECONDS", PATIENT.timeout)
    count, arrived, everybody = 200, 0, asyncio.Event()

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        arrived += 1
        if arrived == count:
            everybody.set()
        await everybody.wait()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async with replica(answer) as address:
        results = await asyncio.gather(*(prober.probe(address, PATIENT) for _ in range(count)))
    assert [result.ready for result in results] == [True] * count


async def test_the_environment_has_no_say(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the user's shell are not asked for the way to a replica."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with replica(says("HTTP/1.1 200 OK\n\n")) as address:
        assert (await prober.probe(address, PATIENT)).ready


async def test_tls_that_is_none_is_told(prober: Prober) -> None:
    """A redirect to https on a port that speaks plain HTTP."""
    async with (
        replica(says("HTTP/1.1 200 OK\n\n"), listens=False) as plain,
        replica(says(f"HTTP/1.1 302 F\nLocation: https://{plain}/\n\n")) as here,
    ):
        result = await prober.probe(here, PATIENT)
    assert result == ProbeResult(False, "TLS failed: a certificate is not trusted, or it speaks no TLS")


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        (
            {"headers": {"Authorization": f"{SECRET}\nX: y"}},
            UNSENDABLE,
        ),
        (
            {"headers": {"Authorization": f"{SECRET}\u2603"}},
            UNSENDABLE,
        ),
        ({"headers": {f"{SECRET}: ": "x"}}, UNSENDABLE),
        ({"path": "/\n"}, "the path, or an address it redirects to, is not one of HTTP"),
        ({"method": "POST", "body": {1, 2}}, "the probe cannot be sent (TypeError)"),
    ],
)
async def test_what_cannot_be_sent_is_told_without_its_value(
    prober: Prober, settings: dict[str, object], detail: str
) -> None:
    """A header or body that HTTP cannot carry is a result, and its value is not in it."""
    async with replica(says("HTTP/1.1 200 OK\n\n")) as address:
        result = await prober.probe(address, replace(PATIENT, **settings))  # type: ignore[arg-type]
    assert result == ProbeResult(False, detail)


async def test_impossible_addresses_are_told(prober: Prober) -> None:
    """A name that does not exist, a port that cannot: results, not errors."""
    assert await prober.probe(Address("no-such-host.invalid", 80), PATIENT) == ProbeResult(False, "host name not found")
    assert not (await prober.probe(Address("127.0.0.1", 99999), PATIENT)).ready


async def test_a_probe_can_be_cancelled(prober: Prober) -> None:
    """Cancellation is no result: it ends the probe."""
    asked = asyncio.Event()

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with replica(answer) as address:
        probing = asyncio.create_task(prober.probe(address, PATIENT))
        await asked.wait()
        probing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probing
    await prober.close()
