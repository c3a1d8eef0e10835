"""What one controller works with: the adapters, handed from wiring to every part."""

from dataclasses import dataclass, field

from skyserve.contracts.clock import Clock
from skyserve.contracts.content import ContentStore
from skyserve.contracts.prober import Prober
from skyserve.contracts.router import Router
from skyserve.contracts.store import Store
from skyserve.controller.certificates import Certificates
from skyserve.controller.fleet import Fleet
from skyserve.controller.tallies import Tallies
from skyserve.model.home import Home


@dataclass(frozen=True, slots=True)
class World:
    """The adapters of one controller."""

    home: Home
    store: Store
    content: ContentStore
    fleet: Fleet
    router: Router
    prober: Prober
    certificates: Certificates
    clock: Clock
    owner: str
    """The tag on everything it launches."""
    user: str
    """Who runs it: SKYPILOT_USER inside replicas."""
    tallies: Tallies = field(default_factory=Tallies)
    """What this controller has done."""
