"""One replica of a service: where it is in life, and why it left."""

from dataclasses import dataclass
from enum import StrEnum

from skyserve.model.instance import Instance
from skyserve.model.resources import Offer


class Phase(StrEnum):
    """Where a replica is in its life. What went wrong is a Cause, not a phase."""

    PENDING = "pending"
    """Wanted; nothing is launched, so nothing costs money."""
    PROVISIONING = "provisioning"
    """A machine is being asked for. May hold one."""
    STARTING = "starting"
    """The machine is up; files, setup and run are under way; not ready yet."""
    READY = "ready"
    """Passed its probe and accepted by the endpoint."""
    NOT_READY = "not_ready"
    """Was ready; probes fail now."""
    DRAINING = "draining"
    """Gets no new requests; those in flight finish."""
    TERMINATING = "terminating"
    """The machine is being given back. It may still cost money."""
    GONE = "gone"
    """Proven absent. Kept only to tell what happened."""


class Cause(StrEnum):
    """Why a replica changes its phase."""

    LAUNCH = "launch"
    MACHINE_UP = "machine_up"
    PROBE_PASSED = "probe_passed"
    PROBE_FAILED = "probe_failed"

    NO_CAPACITY = "no_capacity"
    QUOTA_EXCEEDED = "quota_exceeded"
    UNAUTHORIZED = "unauthorized"
    PLACE_FAILED = "place_failed"
    PROVISION_FAILED = "provision_failed"
    SETUP_FAILED = "setup_failed"
    RUN_FAILED = "run_failed"
    INITIAL_DELAY_EXCEEDED = "initial_delay_exceeded"
    PROBING_FAILED = "probing_failed"
    MACHINE_LOST = "machine_lost"
    PREEMPTED = "preempted"
    PREEMPTION_NOTICE = "preemption_notice"

    SCALED_DOWN = "scaled_down"
    OUTDATED = "outdated"
    USER_TERMINATED = "user_terminated"
    SERVICE_DOWN = "service_down"

    DRAINED = "drained"
    RENEWED = "renewed"
    """Its task is stopped, and the wanted version's begins on the same machine."""
    MACHINE_ABSENT = "machine_absent"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as the database has it."""

    service_id: int
    id: int
    """Counts from 1 within the service; never used twice."""
    version: int
    phase: Phase
    since: float
    """When it entered this phase (seconds since the epoch)."""
    created_at: float
    offer: Offer
    """Where it was placed."""
    instance: Instance | None = None
    """The machine, as last seen. None until launched."""
    ended_by: Cause | None = None
    """The first cause that sent it towards its end; None while it lives."""
    detail: str = ""
    """The cause in words, with numbers: what a user needs to know."""
    ready_since: float | None = None
    """Start of the present stretch of being ready."""
    first_ready_at: float | None = None
    attempts: int = 0
    """Failed tries of the present phase's action (launch, terminate)."""
    retry_at: float = 0.0
    """The next try is not made before."""
    renewals: int = 0
    """How often its task was stopped and another version's begun on the same machine. Tells one such task from the next
    where the machine remembers it: the version would not do, since a replica changes it also while its task runs on."""
    noticed_at: float | None = None
    """When it was seen that its place will take the machine back; None: it will not, for all that is known."""

    @property
    def doomed_at(self) -> float | None:
        """When its machine will be taken away; None: no notice."""
        return None if self.noticed_at is None or self.instance is None else self.instance.doomed_at

    @property
    def doomed(self) -> bool:
        """Its place gave notice: it serves on for a while, and another one is to take over."""
        return self.noticed_at is not None and self.doomed_at is not None

    @property
    def token(self) -> str:
        """Launching twice with one token starts one instance."""
        return f"{self.service_id}-{self.id}"

    @property
    def alive(self) -> bool:
        """Counts towards the number of replicas wanted."""
        return self.phase in _ALIVE


_ALIVE = frozenset({Phase.PENDING, Phase.PROVISIONING, Phase.STARTING, Phase.READY, Phase.NOT_READY})
