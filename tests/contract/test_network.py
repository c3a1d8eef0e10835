"""Port spaces: each node has all ports to itself, a way out, and a way in."""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from skyserve.contracts.errors import Unsupported
from skyserve.contracts.infra import Script
from skyserve.model.place import Address
from tests.claims import ports
from tests.contract.bench import Bench, until

_SERVE = "echo {text} > index.html; exec python3 -m http.server {port}"


async def test_two_replicas_listen_on_the_same_port(real: Bench) -> None:
    """Two replicas bind 0.0.0.0:8080 unchanged, and each is reached at its own address."""
    infra = real.infra()
    instances = await asyncio.gather(*(real.launch(infra, f"1-{number}") for number in (1, 2)))
    for instance, text in zip(instances, ("one", "two"), strict=True):
        await infra.shell(instance).start("run", Script(_SERVE.format(text=text, port=8080)))
    answers = [await _get(instance.addresses[8080]) for instance in instances]
    assert answers == ["one\n", "two\n"]


async def test_any_port_can_be_forwarded(real: Bench) -> None:
    """forward() leads to a port that was not announced at launch, and again to the same."""
    infra = real.infra()
    shell = infra.shell(await real.launch(infra, ports=()))
    await shell.start("run", Script(_SERVE.format(text="inner", port=9000)))
    address = await shell.forward(9000)
    assert await _get(address) == "inner\n"
    assert await shell.forward(9000) == address


async def test_a_dead_replica_refuses_at_once(real: Bench) -> None:
    """Once a replica's server is dead a connection to it ends, and does not hang."""
    infra = real.infra()
    instance = await real.launch(infra)
    await infra.shell(instance).start(
        "run",
        Script(_SERVE.format(text="x", port=8080) + " & sleep 1; until [ -f stop ]; do sleep 0.05; done; kill %1"),
    )
    await _get(instance.addresses[8080])
    await infra.shell(instance).start("stop", Script("touch stop"))
    await real.finish(infra.shell(instance), "run")
    with pytest.raises(httpx.TransportError) as failure:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            await client.get(f"http://{instance.addresses[8080]}/")
    assert not isinstance(failure.value, httpx.TimeoutException)


async def test_the_way_out_is_open(real: Bench) -> None:
    """A replica reaches a server outside its port space, as programs that download do."""
    with _server(real.host_address) as address:
        infra = real.infra()
        shell = infra.shell(await real.launch(infra, ports=()))
        code = f"import urllib.request; print(urllib.request.urlopen('http://{address}/', timeout=20).read().decode())"
        await shell.start("run", Script(f'python3 -c "{code}"'))
        assert (await real.finish(shell, "run")).exit_code == 0
        assert await real.output(shell, "run") == "reached\n"


async def test_nodes_of_one_instance_reach_each_other(real: Bench) -> None:
    """With num_nodes 2 every rank has an address of its own by which the other reaches it."""
    infra = real.infra()
    if not real.reaches_peers:
        with pytest.raises(Unsupported, match="num_nodes"):
            await real.launch(infra, num_nodes=2)
        assert (await infra.inventory("contract-suite")).instances == ()
        return
    instance = await real.launch(infra, num_nodes=2)
    assert len({node.ip for node in instance.nodes}) == len(instance.nodes) == 2
    await infra.shell(instance, 1).start("run", Script(_SERVE.format(text="peer", port=8080)))
    peer = instance.nodes[1].ip
    code = f"import urllib.request; print(urllib.request.urlopen('http://{peer}:8080/', timeout=20).read().decode())"
    await infra.shell(instance, 0).start("run", Script(f'until python3 -c "{code}" 2>/dev/null; do sleep 0.1; done'))
    assert (await real.finish(infra.shell(instance, 0), "run")).exit_code == 0
    assert await real.output(infra.shell(instance, 0), "run") == "peer\n\n"


async def _get(address: Address) -> str:
    async def answered() -> str | None:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
                return (await client.get(f"http://{address}/")).text
        except httpx.TransportError:
            return None

    return await until(answered)


class _Reached(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"reached")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def _server(host: str) -> Iterator[Address]:
    for port in ports():
        try:
            server = http.server.ThreadingHTTPServer((host, port), _Reached)
        except OSError:
            continue
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield Address(host, port)
        finally:
            server.shutdown()
            server.server_close()
        return
    pytest.fail("no port is free for a server")
