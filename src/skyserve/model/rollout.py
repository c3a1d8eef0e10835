"""How a service goes from one version to the next, and how far it has come."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor


class UpdateMode(StrEnum):
    """In what order replicas of the new version take over."""

    ROLLING = "rolling"
    """A few at a time: both versions get traffic meanwhile."""
    BLUE_GREEN = "blue_green"
    """All of the new version beside all of the old one; then the whole traffic moves at once."""
    CANARY = "canary"
    """As blue_green, but the traffic moves by steps, each watched for a while."""


class Extent(StrEnum):
    """How deep an update goes, and so what becomes of a replica."""

    NOTHING = "nothing"
    """It is the same once more."""
    SERVICE = "service"
    """Only how replicas are counted, probed and reached: they go on as they are."""
    TASK = "task"
    """Scripts, variables or files: they are restarted, and can stay on their machines."""
    MACHINE = "machine"
    """What they run on: each is replaced by one on another machine."""


@dataclass(frozen=True, slots=True)
class Part:
    """A number of replicas, absolute or as a percentage of those wanted."""

    amount: float
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.percent else ''}"

    def up(self, wanted: int) -> int:
        """So many of `wanted`, rounded up."""
        return ceil(wanted * self.amount / 100) if self.percent else int(self.amount)

    def down(self, wanted: int) -> int:
        """So many of `wanted`, rounded down."""
        return floor(wanted * self.amount / 100) if self.percent else int(self.amount)


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """One step of a canary."""

    traffic: int
    """Percent of the requests that go to the new version."""
    seconds: float
    """How long they do, while nothing is worse than before, until the next step."""


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """How a user wants a version to be brought in. Times in seconds."""

    mode: UpdateMode = UpdateMode.ROLLING
    max_surge: Part = Part(25, percent=True)
    """Replicas above the number wanted while rolling; a percentage is rounded up (as Kubernetes does)."""
    max_unavailable: Part = Part(0)
    """Replicas below the number wanted while rolling; a percentage is rounded down (as Kubernetes does)."""
    canary_steps: tuple[CanaryStep, ...] = (CanaryStep(5, 300), CanaryStep(25, 300), CanaryStep(50, 300))
    min_ready_seconds: float = 0
    """How long a new replica must stay ready before it counts."""
    progress_deadline: float = 1800
    """Longest time without any progress before the version is taken to have failed."""
    automatic_rollback: bool = True
    """Whether a version that fails is left for the one before."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests that one replica answered, as its endpoint counts them."""

    replica_id: int
    answered: int
    errors: int
    """Of those, with status 500 or above, or without an answer."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """An update under way."""

    version: int
    """The one that comes."""
    before: int
    """The one that goes, and that a rollback returns to."""
    mode: UpdateMode
    began_at: float
    """Seconds since the epoch, as all times here."""
    progressed_at: float
    """When something last went forward."""
    step: int = 0
    """Of a canary: the index of its present step; as many as there are steps: the whole traffic moves."""
    step_since: float | None = None
    """When the step's traffic began to flow; None: its replicas are not ready yet. While rolling: when the last old
    replica was gone."""
    paused_at: float | None = None
    """Since when the user holds it; None: it goes on."""
    held: int | None = None
    """How many replicas of the version that comes there were when the user began to hold it; None: it goes on."""
    baseline: tuple[Tally, ...] = ()
    """Of the replicas that there were when it began: what they answered before does not count."""
    gone_answered: int = 0
    """Requests that old replicas answered since it began which are gone since."""
    gone_errors: int = 0
    """Of those, failed ones."""
    taken_at: float = 0.0
    """When a place last took back the machine of a new replica, or told that it will; 0: none did."""
