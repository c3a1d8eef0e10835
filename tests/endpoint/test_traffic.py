"""Sampling what Envoy tells."""

import asyncio
from pathlib import Path

import pytest

from skyserve.endpoint.admin import Admin, Counted, Host
from skyserve.endpoint.traffic import Traffic
from skyserve.model.place import Address


async def test_it_ends_though_something_has_just_changed(tmp_path: Path) -> None:
    """A cancellation that comes together with news is heeded: the endpoint must be able to shut down."""
    admin = Admin(tmp_path / "nobody.sock")
    traffic = Traffic(admin, lambda: False, lambda: False)
    traffic.wanted = True
    sampling = asyncio.create_task(traffic.run())
    async with asyncio.timeout(30):
        await asyncio.sleep(0.2)
        traffic.stir()
        await asyncio.sleep(0)
        sampling.cancel()
        await asyncio.wait([sampling])
    assert sampling.cancelled()


class Told(Admin):
    """Envoy knows one replica of one service."""

    async def hosts(self) -> dict[tuple[str, Address], Host]:
        """The replica."""
        return {("service-1", Address("127.0.0.1", 1)): Host(True, 0, 0, 0, 0)}

    async def requests(self) -> dict[str, Counted]:
        """The service."""
        return {"service-1": Counted(arrived=7)}


async def test_a_sample_that_fails_is_not_the_last(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong unexpectedly is logged whole, and the next sample is taken."""
    admin, failures = Told(tmp_path / "nobody.sock"), [ValueError("unheard of")]

    def heed() -> bool:
        if failures:
            raise failures.pop()
        return False

    traffic = Traffic(admin, lambda: False, heed)
    traffic.wanted = True
    sampling = asyncio.create_task(traffic.run())
    async with asyncio.timeout(30):
        while (load := traffic.load("service-1")) is None:
            traffic.stir()
            await asyncio.sleep(0)
    sampling.cancel()
    await asyncio.wait([sampling])
    assert load.arrived == 7
    assert "unheard of" in caplog.text
