"""One request that waits."""

import asyncio
import time

from skyserve.endpoint.translate.waiting import ARRIVAL_HEADER, BODY_BYTES
from skyserve.endpoint.waiting.answers import Answer
from skyserve.endpoint.waiting.connection import Stream


class Visitor:
    """Whatever becomes of it is said over its stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.request_id = stream.headers.get("x-request-id", "")
        self.key = (self.request_id, stream.headers.get(ARRIVAL_HEADER, ""))
        """The same when it comes back."""
        self.bytes = _announced(stream)
        """Length of its body, as far as Envoy keeps it; of one that announces none as much as it may be."""
        self.came = 0.0
        """When it came in here, by the loop's clock."""

    @property
    def arrived(self) -> float:
        """When Envoy got it first, in seconds since the epoch."""
        try:
            return float(self.key[1].removeprefix("t="))
        except ValueError:
            return time.time()

    def entered(self) -> None:
        """It waits now."""

    def gone(self) -> None:
        """Whoever asked has gone."""

    def release(self, answer: Answer) -> asyncio.Task[None] | None:
        """A replica is there. `answer` has Envoy ask again. Returns what goes on here, with its body, until it is
        answered."""
        self.stream.answer(answer.status, answer.headers, answer.body)
        return None

    def refuse(self, answer: Answer) -> None:
        """It has waited in vain, or may not wait."""
        self.stream.answer(answer.status, answer.headers, answer.body)


def _announced(stream: Stream) -> int:
    """As it is when the request comes."""
    length = stream.headers.get("content-length", "0" if stream.whole else "")
    return min(int(length), BODY_BYTES) if length.isdigit() else BODY_BYTES
