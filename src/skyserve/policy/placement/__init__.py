"""Where replicas go. `choose` places one replica of a fixed number; the policies for spot machines decide as a whole.

A policy is a pure function `(Market, Memory, now) -> Decision`: from what may be had and what is held, with what it
remembers, it says what to launch, what to end and why, and what to remember. The caller keeps the memory.
"""

from skyserve.policy.placement.choosing import Choice, choose
from skyserve.policy.placement.market import Decision, Policy
from skyserve.policy.placement.market import Market as Market

__all__ = ["Choice", "Decision", "Market", "Policy", "choose"]
