"""Sampling what Envoy tells."""

import asyncio
from pathlib import Path

from skyserve.endpoint.admin import Admin
from skyserve.endpoint.traffic import Traffic


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
    await admin.close()
