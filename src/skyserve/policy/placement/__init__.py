"""Where replicas go. `Chooser` places one after the other on machines that nobody takes back; the policies for spot
machines decide as a whole.

A policy is a pure function `(Market, Memory, now) -> Decision`: from what may be had and what is held, with what it
remembers, it says what to launch, what to end and why, and what to remember. The caller keeps the memory.
"""

from collections.abc import Mapping

from skyserve.policy.placement.adaptive import adaptive
from skyserve.policy.placement.cheapest import cheapest
from skyserve.policy.placement.choosing import Chooser
from skyserve.policy.placement.dynamic_fallback import dynamic_fallback
from skyserve.policy.placement.even_spread import even_spread
from skyserve.policy.placement.market import Policy
from skyserve.policy.placement.round_robin import round_robin

POLICIES: Mapping[str, Policy] = {
    policy.__name__: policy for policy in (adaptive, cheapest, dynamic_fallback, even_spread, round_robin)
}
"""By the name that `spot_placer` has."""

__all__ = ["POLICIES", "Chooser"]
