"""What a policy answers."""

from dataclasses import dataclass

from skyserve.model.autoscaling import Tuning


@dataclass(frozen=True, slots=True)
class Demand:
    """How many replicas the load calls for at this moment, without regard to bounds and delays."""

    replicas: int
    reason: str
    burst: int = 0
    """How many the last few seconds alone call for; 0 where the policy knows no bursts."""
    urgent: bool = False
    """Users wait already: what is called for is wanted at once, without the delay of scaling up."""
    tuning: Tuning | None = None
    """What the policy wants to find in `Seen.tuning` at the next reading."""
