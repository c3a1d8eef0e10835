"""A trace made denser, thinner or longer, so that it fits a fleet of another size or a longer time."""

from random import Random

from skyserve.sim.requests.trace import RequestTrace, gathered

SPREAD_SECONDS = 30.0
"""How far from its original a copy of a request may come: near enough for the load to keep its shape over minutes, and
far enough for copies not to come in one moment."""


def scaled(trace: RequestTrace, factor: float, seed: int = 0) -> RequestTrace:
    """`factor` times as many requests in the same time: so many copies of each, and of a fraction one by chance."""
    chance = Random(seed)
    whole, fraction = int(factor), factor - int(factor)
    requests: list[tuple[float, int, int]] = []
    for at, prompt, answer in zip(trace.at, trace.prompt, trace.answer, strict=True):
        copies = whole + (fraction > 0 and chance.random() < fraction)
        for copy in range(copies):
            shift = chance.uniform(-SPREAD_SECONDS, SPREAD_SECONDS) if copy else 0.0
            requests.append((min(max(0.0, at + shift), trace.seconds), prompt, answer))
    return gathered(requests)


def lasting(trace: RequestTrace, seconds: float) -> RequestTrace:
    """The trace cut to so long, or told again and again until then. A single request is told once."""
    requests = list(zip(trace.at, trace.prompt, trace.answer, strict=True))
    # After the last request as long as between two, on average.
    period = trace.seconds * len(requests) / (len(requests) - 1) if trace.seconds else seconds
    told = ((at + turn * period, p, a) for turn in range(int(seconds // period) + 1) for at, p, a in requests)
    return gathered(request for request in told if request[0] < seconds)
