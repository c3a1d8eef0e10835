"""How long a replica takes for a request: a model with two rates and a number of places.

A request waits for one of the places of its replica, is then prefilled, which ends with the first byte of the answer,
and decoded. Requests beside it do not slow it down; what that leaves out is that a full batch decodes more slowly than
an empty one, so take rates as they are under load.
"""

from array import array
from dataclasses import dataclass, replace

from skyserve.sim.requests.trace import RequestTrace


@dataclass(frozen=True, slots=True)
class Engine:
    """One replica's speed.

    The rates are those of Llama2-70B on eight A100 (P. Patel and others, Splitwise, ISCA 2024: prompts of 1,000 to
    1,500 tokens in 155 to 185 ms, a token each 40 to 52 ms, measured on the requests of the Azure traces), rounded.
    """

    prefill_rate: float = 8000.0
    """Tokens of a prompt a second."""
    decode_rate: float = 25.0
    """Tokens of an answer a second, for each request."""
    places: int = 8
    """Requests answered at a time; others wait."""

    def first_byte(self, trace: RequestTrace) -> "array[float]":
        """For each request, the seconds from having a place to the first byte."""
        return array("d", (tokens / self.prefill_rate for tokens in trace.prompt))

    def whole(self, trace: RequestTrace) -> "array[float]":
        """For each request, the seconds for which it has a place."""
        pairs = zip(trace.prompt, trace.answer, strict=True)
        return array("d", (p / self.prefill_rate + a / self.decode_rate for p, a in pairs))

    def mean(self, trace: RequestTrace) -> float:
        """Seconds of a request on average, without waiting."""
        return sum(self.whole(trace)) / len(trace.at) if trace.at else 0.0

    def taking(self, seconds: float, trace: RequestTrace) -> "Engine":
        """An engine as much faster or slower as it takes for these requests to last so long on average."""
        factor = self.mean(trace) / seconds
        return replace(self, prefill_rate=self.prefill_rate * factor, decode_rate=self.decode_rate * factor)
