"""Tests on virtual time (skyserve.sim.virtual)."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from skyserve.sim.virtual import run_virtual

P = ParamSpec("P")


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorator of an async test: run it on virtual time. Its fixtures must not be async."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs))

    return run
