"""Requests made from a seed: a rate that follows the hours of a day, and sizes like those of conversations."""

import math
from array import array
from random import Random

from skyserve.sim.requests.trace import RequestTrace

SWING = 0.6
"""The rate goes from 1 - SWING of the mean in the small hours to 1 + SWING of it in the afternoon."""
BUSIEST_HOUR = 15.0
PROMPT_TOKENS = (1000.0, 0.6)
ANSWER_TOKENS = (130.0, 1.0)
"""Median and spread (sigma) of log-normal sizes: those of conversations in the Azure LLM inference trace of 2023 have
medians of 1020 and 129 tokens and means of 1155 and 211."""


def generate(seed: int, *, rate: float, hours: float) -> RequestTrace:
    """Requests that come independently of each other (Poisson), `rate` a second on average over a whole day.

    Time 0 is midnight. The same arguments give the same trace.
    """
    chance = Random(seed)
    trace = RequestTrace(array("d"), array("l"), array("l"))
    at, highest = 0.0, rate * (1 + SWING)
    while highest > 0 and (at := at + chance.expovariate(highest)) < hours * 3600:
        if chance.random() * highest < rate * _shape(at):  # thinning, Lewis and Shedler 1979
            trace.at.append(at)
            trace.prompt.append(_size(chance, PROMPT_TOKENS))
            trace.answer.append(_size(chance, ANSWER_TOKENS))
    return trace


def _shape(at: float) -> float:
    return 1 + SWING * math.cos((at / 3600 - BUSIEST_HOUR) / 24 * math.tau)


def _size(chance: Random, size: tuple[float, float]) -> int:
    median, spread = size
    return max(1, round(median * math.exp(spread * chance.gauss(0.0, 1.0))))
