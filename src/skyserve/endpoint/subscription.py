"""One kind of resource on one delta xDS stream: what Envoy asked for, was sent, and said about it. No I/O."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

Versions = Mapping[str, str | None]
"""Name -> version; None: there is no such resource."""

WILDCARD = "*"


@dataclass(slots=True)
class Subscription:
    """State of the conversation about one kind."""

    wildcard: bool = False
    """Envoy wants all there are, now and later."""
    names: set[str] = field(default_factory=set)
    """What it wants by name."""
    sent: dict[str, str | None] = field(default_factory=dict)
    """What it has, or was last sent."""
    confirmed: dict[str, str | None] = field(default_factory=dict)
    """What it said it has taken."""
    pending: dict[str, Versions] = field(default_factory=dict)
    """By nonce: sent, not answered yet."""
    expects: bool = False
    """It holds nothing and waits for a first answer, even if that is that there is nothing."""
    refused: set[str] = field(default_factory=set)
    """What it was sent last and would not take."""

    @classmethod
    def opened(cls, names: Set[str], held: Mapping[str, str]) -> "Subscription":
        """The first request on a stream. `held`: what Envoy still has from an earlier one, and took then."""
        wildcard = WILDCARD in names or not names
        return cls(wildcard, set(names) - {WILDCARD}, dict(held), dict(held), expects=wildcard and not held)

    def changed(self, subscribe: Set[str], unsubscribe: Set[str]) -> None:
        """Envoy wants more, or less. What it asks for once more is sent once more."""
        self.wildcard = (self.wildcard or WILDCARD in subscribe) and WILDCARD not in unsubscribe
        self.names = (self.names | subscribe) - unsubscribe - {WILDCARD}
        for name in subscribe | unsubscribe:
            self.sent.pop(name, None)
            self.confirmed.pop(name, None)

    def due(self, wanted: Mapping[str, str]) -> Versions:
        """What must be sent so that Envoy has what is wanted."""
        scope = self.names | (wanted.keys() | self.sent.keys() if self.wildcard else set())
        return {
            name: wanted.get(name)
            for name in sorted(scope)
            if name not in self.sent or self.sent[name] != wanted.get(name)
        }

    def sending(self, nonce: str, versions: Versions) -> None:
        """They go out under this nonce."""
        self.expects = False
        self.pending[nonce] = versions
        self.sent.update(versions)
        self.refused -= versions.keys()

    def accept(self, nonce: str) -> None:
        """ACK."""
        self.confirmed.update(self.pending.pop(nonce, {}))

    def refuse(self, nonce: str) -> tuple[str, ...]:
        """NACK: Envoy stays with what it had. Returns the names, any of which may be the reason."""
        names = tuple(self.pending.pop(nonce, {}))
        self.refused.update(names)
        return names

    def again(self, names: Set[str]) -> None:
        """Send these once more, though they are the same, if Envoy wants them."""
        for name in names:
            self.sent.pop(name, None)
