"""What happens at the crossings between one controller and the world: calls that fail, before or after they had their
effect, that take long, that are done twice; and the controller's death."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy.exc import OperationalError

from skyserve.contracts.errors import InfraError, NoCapacity, QuotaExceeded, Transient, Unauthorized
from skyserve.contracts.prober import ProbeResult
from skyserve.sim.faithful.faults import Fault, Faults
from skyserve.sim.gate import Call, Gate

DEADLINE_SECONDS = 60.0
"""Longest time of a call to an infra before it fails."""
SLOW_SECONDS = 20.0
PROBE_SECONDS = 5.0
STORE_WRITES = frozenset({"store.commit", "store.create_service", "store.remove_service"})
EFFECTS = STORE_WRITES | {
    "infra.launch",
    "infra.terminate",
    "shell.put",
    "shell.start",
    "router.remove",
    "router.start",
}
"""Calls that change something: here a controller dies as often as its rate says; at all others it does so more rarely,
since there are hundreds of them to each of these."""
RARE = 0.02

_REFUSALS: tuple[tuple[Fault, Callable[[str], InfraError]], ...] = (
    (Fault.NO_CAPACITY, NoCapacity),
    (Fault.QUOTA, QuotaExceeded),
    (Fault.UNAUTHORIZED, Unauthorized),
)


class Told(Protocol):
    """What a call that was made is told to."""

    def __call__(self, name: str, *, told: bool) -> None:
        """`told`: the controller learned what came of it."""


class Weather(Gate):
    """Between one controller and the world."""

    def __init__(self, faults: Faults, outages: dict[str, float], after: Told) -> None:
        """`outages`: operations of infras that fail, until when in virtual time; `after` is told of each call that was
        made."""
        super().__init__()
        self._faults = faults
        self._outages = outages
        self._tell = after

    def kills(self, name: str, number: int, *, after: bool) -> bool:
        """As often as the rates say."""
        fault = Fault.CRASH_AFTER if after else Fault.CRASH_BEFORE
        return self._faults.strikes(fault, 1.0 if name in EFFECTS else RARE)

    async def make(self, name: str, call: Call) -> Any:
        """The call, with whatever befalls it."""
        if self._faults.calm:
            result = await call()
        elif name.startswith("store."):
            result = await self._stored(name, call)
        elif name == "prober.probe":
            result = await self._probed(call)
        elif name.startswith(("infra.", "shell.")) and not name.endswith(".close"):
            result = await self._reached(name, call)
        else:
            result = await call()
        self._tell(name, told=True)
        return result

    async def _stored(self, name: str, call: Call) -> Any:
        if self._faults.strikes(Fault.STORE_REFUSES):
            raise _refused()
        result = await call()
        if name in STORE_WRITES and self._faults.strikes(Fault.STORE_LOST_REPLY):
            self._tell(name, told=False)
            raise _refused()
        return result

    async def _probed(self, call: Call) -> Any:
        if self._faults.strikes(Fault.SLOW_PROBE):
            await asyncio.sleep(self._faults.random.uniform(0, PROBE_SECONDS))
        if self._faults.strikes(Fault.FLAP):
            return ProbeResult(False, "status 503")
        return await call()

    async def _reached(self, name: str, call: Call) -> Any:
        faults = self._faults
        weight = 1.0 if name in EFFECTS else RARE
        if faults.strikes(Fault.SLOW_CALL, weight):
            await asyncio.sleep(faults.random.uniform(0, SLOW_SECONDS))
        if self._outages.get(name, 0.0) > asyncio.get_running_loop().time():
            raise Transient(f"{name} fails for a while")
        if faults.strikes(Fault.INFRA_ERROR, weight):
            raise Transient(f"{name} is refused")
        if faults.strikes(Fault.TIMEOUT, weight):
            await self._time_out(name, call)
        if name == "infra.launch":
            self._refuse_launch()
            if faults.strikes(Fault.DUPLICATE_LAUNCH):
                await call()
        elif name in ("infra.terminate", "infra.offers") and faults.strikes(Fault.UNAUTHORIZED, weight):
            raise Unauthorized(f"{name} is not allowed")
        result = await call()
        if faults.strikes(Fault.LOST_REPLY, weight):
            self._tell(name, told=False)
            raise Transient(f"the reply to {name} is lost")
        return result

    def _refuse_launch(self) -> None:
        for fault, error in _REFUSALS:
            if self._faults.strikes(fault):
                raise error(f"{fault}: asked for 1, 0 of 8 free")

    async def _time_out(self, name: str, call: Call) -> None:
        faults = self._faults
        done = faults.random.random() < 0.5
        if done and faults.random.random() < 0.5:
            await call()
            done = False
        await asyncio.sleep(faults.random.uniform(SLOW_SECONDS, DEADLINE_SECONDS))
        if done:
            await call()
        self._tell(name, told=False)
        raise Transient(f"{name} has not ended in time")


def _refused() -> OperationalError:
    return OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))
