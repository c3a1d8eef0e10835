"""Runs each test of this folder once for every bench that it asks for.

`bench`: every infra, by each way it has of making port spaces; `any_kind`: every infra, by its usual way.
`real` and `typical`: the same, but only those that run bash on machines.
"""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.contract import benches
from tests.contract.bench import Bench

_Factory = Callable[[], AbstractAsyncContextManager[Bench]]

_MODULES = [
    importlib.import_module(f"{benches.__name__}.{info.name}") for info in pkgutil.iter_modules(benches.__path__)
]
_ALL: list[_Factory] = [factory for module in _MODULES for factory in module.BENCHES]
_USUAL: list[_Factory] = [factory for module in _MODULES for factory in getattr(module, "TYPICAL", module.BENCHES)]
_MACHINES = [module for module in _MODULES if getattr(module, "REAL", True)]
_REAL: list[_Factory] = [factory for module in _MACHINES for factory in module.BENCHES]
_TYPICAL: list[_Factory] = [factory for module in _MACHINES for factory in getattr(module, "TYPICAL", module.BENCHES)]


def _name(factory: _Factory) -> str:
    return getattr(factory, "__name__", repr(factory))


async def _made(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with request.param() as made:
        yield made


@pytest.fixture(params=_ALL, ids=_name)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Any infra, by each way."""
    async for made in _made(request):
        yield made


@pytest.fixture(params=_USUAL, ids=_name)
async def any_kind(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Any infra, by its usual way."""
    async for made in _made(request):
        yield made


@pytest.fixture(params=_REAL, ids=_name)
async def real(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """An infra that runs bash on machines, by each way."""
    async for made in _made(request):
        yield made


@pytest.fixture(params=_TYPICAL, ids=_name)
async def typical(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """An infra that runs bash on machines, by its usual way."""
    async for made in _made(request):
        yield made
