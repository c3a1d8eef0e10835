"""What can go wrong, how often it does in one run, and how often it did."""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """A kind of misfortune."""

    INFRA_ERROR = "an infra refuses a call"
    LOST_REPLY = "an infra does what it was asked, and the reply is lost"
    TIMEOUT = "an infra takes longer than the deadline of the call, which may be done or not"
    SLOW_CALL = "an infra takes its time"
    NO_CAPACITY = "a place has no room"
    QUOTA = "an account has reached its limit"
    UNAUTHORIZED = "credentials are refused"
    DUPLICATE_LAUNCH = "an infra executes a launch twice"
    OUTAGE = "an operation of an infra fails for a while, whoever asks"
    DARK_ZONE = "a zone cannot be reached for a while"
    SLOW_BOOT = "machines take long to come up"
    LATE_LISTING = "machines are listed long after their launch"
    ZOMBIE = "machines run on after their termination was accepted"
    MACHINE_LOST = "a machine vanishes"
    PREEMPTION = "a machine is taken away at once"
    NOTICE = "a machine is taken away after a notice"
    SCARCITY = "a zone has no machines for a while"
    SETUP_FAILS = "setup fails"
    RUN_DIES = "the server's process ends"
    SLOW_START = "a server takes longer to load than it may"
    HANG = "a server does not answer for a while"
    FLAP = "a probe fails though the server answers"
    SLOW_PROBE = "a probe takes its time"
    STORE_REFUSES = "the store refuses to read or to write"
    STORE_LOST_REPLY = "the store writes, and the reply is lost"
    SUPERSEDED = "somebody else writes to the store between a read and a write"
    ROUTER_REFUSES = "the endpoint does not accept new replicas for a while"
    ROUTER_SILENT = "the endpoint does not tell the load for a while"
    CRASH_BEFORE = "the controller is killed before a call has its effect"
    CRASH_AFTER = "the controller is killed after a call had its effect"
    ASLEEP = "the machine of the controller sleeps: time has passed, no timer has"
    CLOCK_BACK = "the controller is started anew with the clock set back"
    CLOCK_FORWARD = "the controller is started anew with the clock set forward"
    USER_GIVES_UP = "a user goes away in the middle of a request"


class Faults:
    """The faults of one run."""

    def __init__(self, rates: Mapping[Fault, float], random: Random) -> None:
        """`rates`: probability at each occasion that there is for the fault; what is not named does not happen."""
        self._rates = rates
        self.random = random
        self.calm = False
        """Nothing goes wrong any more."""
        self.met: Counter[Fault] = Counter()

    def strikes(self, fault: Fault, weight: float = 1.0) -> bool:
        """Draw whether it happens on this occasion; `weight` makes the occasion count for more or less."""
        rate = 0.0 if self.calm else self._rates.get(fault, 0.0) * weight
        if rate == 0.0 or self.random.random() >= rate:
            return False
        self.met[fault] += 1
        return True
