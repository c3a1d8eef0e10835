"""What happened in one run: the last of it for people, all of it in a digest that equal runs share."""

import hashlib
import sys
from collections import deque
from collections.abc import Callable

LAST = 60
"""So many lines are told when an invariant broke."""


class History:
    """Lines, each with the virtual time."""

    def __init__(self, now: Callable[[], float], *, aloud: bool = False) -> None:
        """`now`: seconds since the run began; `aloud`: print each line as it comes."""
        self._now = now
        self._aloud = aloud
        self._hash = hashlib.blake2b(digest_size=8)
        self.last: deque[str] = deque(maxlen=LAST)

    def tell(self, what: str) -> None:
        """Something happened."""
        line = f"{self._now():9.2f}  {what}"
        self._hash.update(line.encode())
        self.last.append(line)
        if self._aloud:
            sys.stdout.write(f"{line}\n")

    @property
    def digest(self) -> str:
        """Equal for equal histories."""
        return self._hash.hexdigest()
