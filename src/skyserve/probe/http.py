"""Readiness probes over HTTP, or by gRPC where the path says so: one request, one answer in words.

Each probe has a client of its own, so that no connection, cookie or pool limit of one replica touches another.
"""

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from skyserve.contracts.prober import ProbeResult
from skyserve.model.place import Address
from skyserve.model.route import Trust
from skyserve.model.service import GRPC_HEALTH, ProbeSettings
from skyserve.probe.grpc import serving
from skyserve.probe.tls import context
from skyserve.probe.trip import Stopwatch
from skyserve.probe.wording import in_words

MAX_REDIRECTS = 10
"""Hops followed before a replica is taken to send us in circles."""
CONNECT_SECONDS = 5.0
"""Longest time to connect, however long the answer may take: a machine's kernel accepts a connection at once, whatever
its server is busy with, so that silence means a machine that is off or cut off."""
MAX_BODY = 64 * 1024
"""Bytes of an answer that are read. What says 200 and then so much is ready; nobody looks at the rest."""


class HttpProber:
    """Keeps contracts.prober.Prober. Any number of probes may run at once."""

    def __init__(self) -> None:
        # For redirects to https. Made once: it reads the trusted certificates from disk.
        self._tls = ssl.create_default_context()

    async def probe(self, address: Address, settings: ProbeSettings, trust: Trust | None = None) -> ProbeResult:
        """Never raises but for cancellation. `settings.timeout` bounds the whole: connecting, redirects, the body."""
        if settings.tls is not None and trust is None:
            return ProbeResult(False, "the files of load_balancer.replica_tls cannot be read")
        watch = Stopwatch()
        try:
            async with asyncio.timeout(settings.timeout):
                if settings.path == GRPC_HEALTH:
                    return await serving(address, _headers(settings), settings.tls, trust)
                status = await self._status(address, settings, trust, watch)
        except Exception as error:  # whatever a replica answers, or a user asks to send, is a result
            return ProbeResult(False, in_words(error, settings.timeout))
        if status != HTTPStatus.OK:
            return ProbeResult(False, f"status {status}", watch.seconds)
        return ProbeResult(True, "200", watch.seconds)

    async def close(self) -> None:
        """Nothing is held between probes."""

    async def _status(self, address: Address, settings: ProbeSettings, trust: Trust | None, watch: Stopwatch) -> int:
        """The status after redirects, once the body has come as far as we read it."""
        # No other timeouts of httpx: they bound single reads, which a byte now and then would satisfy for ever.
        patience = httpx.Timeout(None, connect=CONNECT_SECONDS)
        origin, own = _origin(address, settings), {}
        if settings.tls and trust:
            own[origin] = httpx.AsyncHTTPTransport(verify=context(settings.tls, trust), trust_env=False)
        async with httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=patience, mounts=own) as client:
            request = _request(client, origin, settings)
            request.extensions["trace"] = watch
            for _ in range(MAX_REDIRECTS + 1):
                response = await client.send(request, stream=True)
                following = response.next_request
                if following is None:
                    await _read_some(response)
                    return response.status_code
                await response.aclose()
                request = _follow(request, following, _headers(settings))
        raise httpx.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects")


def _origin(address: Address, settings: ProbeSettings) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'https' if settings.tls else 'http'}://{host}:{address.port}"


def _request(client: httpx.AsyncClient, origin: str, settings: ProbeSettings) -> httpx.Request:
    name = settings.tls.server_name if settings.tls else ""
    headers = {"User-Agent": "skyserve-probe", "Connection": "close"}
    request = client.build_request(
        settings.method,
        f"{origin}{settings.path}",
        headers=headers,
        extensions={"sni_hostname": name} if name else None,
        json=settings.body if settings.method == "POST" else None,
    )
    request.headers.update(_headers(settings))
    return request


def _headers(settings: ProbeSettings) -> dict[str, str]:
    """The user's, and the key that the service's replicas are shown unless these hold one."""
    key, named = settings.key, {name.lower() for name in settings.headers}
    shown = {key.header: key.sent} if key and key.header not in named else {}
    return {**shown, **settings.headers}


def _follow(request: httpx.Request, following: httpx.Request, headers: Mapping[str, str]) -> httpx.Request:
    """The headers may hold keys, and are for the replica alone: another origin does not get them, nor is it asked for
    by the replica's name."""
    here, there = request.url, following.url
    if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
        for name in headers:
            if name.lower() != "host":  # already the other origin's
                following.headers.pop(name, None)
        following.extensions.pop("sni_hostname", None)
    return following


async def _read_some(response: httpx.Response) -> None:
    """An answer counts when it has come whole, or MAX_BODY of it."""
    got = 0
    async for chunk in response.aiter_raw():
        got += len(chunk)
        if got >= MAX_BODY:
            break
    await response.aclose()
