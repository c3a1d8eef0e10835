"""A trace made denser, thinner or longer, so that it fits a fleet of another size or a longer time."""

from random import Random

from skyserve.sim.requests.trace import RequestTrace, gathered


def scaled(trace: RequestTrace, factor: float, seed: int = 0) -> RequestTrace:
    """`factor` times as many requests in the same time.

    Copies of the whole trace are laid over each other, each begun at another moment and wrapped around, as if so many
    independent groups of users came; a fraction of a copy has each request with that chance.
    """
    chance = Random(seed)
    period = trace.seconds
    requests: list[tuple[float, int, int]] = []
    copies = int(factor)
    for copy in range(copies + 1):
        share = 1.0 if copy < copies else factor - copies
        shift = 0.0 if copy == 0 else chance.uniform(0, period)
        for at, prompt, answer in zip(trace.at, trace.prompt, trace.answer, strict=True):
            if share == 1.0 or chance.random() < share:
                requests.append(((at + shift) % period if shift else at, prompt, answer))
    return gathered(requests)


def lasting(trace: RequestTrace, seconds: float) -> RequestTrace:
    """The trace cut to so long, or told again and again until then. A single request is told once."""
    requests = list(zip(trace.at, trace.prompt, trace.answer, strict=True))
    # After the last request as long as between two, on average.
    period = trace.seconds * len(requests) / (len(requests) - 1) if trace.seconds else seconds
    told = ((at + turn * period, p, a) for turn in range(int(seconds // period) + 1) for at, p, a in requests)
    return gathered(request for request in told if request[0] < seconds)
