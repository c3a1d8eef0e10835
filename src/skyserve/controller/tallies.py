"""What a controller has done since it began, counted for monitoring. Nothing is decided by it."""

from collections import Counter
from dataclasses import dataclass, field

from skyserve.model.plan import Move, Plan


@dataclass(slots=True)
class Tallies:
    """By name of the service."""

    passes: Counter[str] = field(default_factory=Counter)
    pass_seconds: dict[str, float] = field(default_factory=dict)
    """All passes together."""
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(service, cause) -> changes of a replica's phase."""
    errors: int = 0
    """Loops that failed unexpectedly, and were begun again."""

    def passed(self, service: str, seconds: float) -> None:
        """One more pass of the service's loop."""
        self.passes[service] += 1
        self.pass_seconds[service] = self.pass_seconds.get(service, 0.0) + seconds

    def recorded(self, service: str, made: Plan) -> None:
        """The plan's decisions are written."""
        self.moves.update((service, str(action.cause)) for action in made.actions if isinstance(action, Move))

    def forget(self, service: str) -> None:
        """It is gone, and its numbers with it."""
        self.passes.pop(service, None)
        self.pass_seconds.pop(service, None)
        for key in [key for key in self.moves if key[0] == service]:
            del self.moves[key]
