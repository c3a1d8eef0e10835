"""A function that users wrote, called so that nobody waits for it for long, whatever it does."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Bounded(Generic[P, T]):
    """The function in a thread of its own, one call at a time. Python cannot end a thread: one that hangs is left to
    itself, and no other is begun until it has ended, so that they do not add up. It does not outlive the process."""

    def __init__(self, function: Callable[P, T], seconds: float) -> None:
        """`seconds`: for which a call is waited for."""
        self._function = function
        self._seconds = seconds
        self._thread: threading.Thread | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns. Raises what it raises, and TimeoutError where it has not answered in time, or is
        still about an earlier call. Not to be called by two threads at once."""
        if self._thread is not None and self._thread.is_alive():
            raise TimeoutError(f"no answer for {self._seconds:g} s; it is asked again once it has ended")
        outcome: Future[T] = Future()

        def work() -> None:
            try:
                outcome.set_result(self._function(*args, **kwargs))
            except Exception as error:  # for whoever asked
                outcome.set_exception(error)
            except BaseException as error:  # it wants to end a thread, or a task: that is its own, and not ours
                outcome.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))

        self._thread = threading.Thread(target=work, name="a policy of a user", daemon=True)
        self._thread.start()
        self._thread.join(self._seconds)
        if not outcome.done():
            raise TimeoutError(f"no answer for {self._seconds:g} s; it is asked again once it has ended")
        return outcome.result()
