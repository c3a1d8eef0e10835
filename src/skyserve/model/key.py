"""API keys of a service: who may send it requests, and how many."""

from dataclasses import dataclass, field

KEY_PREFIX = "sk-"
"""How every key begins, as those of OpenAI's API do. No name of a key does."""


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What one key may use up. None: there is no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    """Of the day in UTC."""
    priority: int = 0
    """Of its requests where they have to wait: the higher goes first."""


@dataclass(frozen=True, slots=True)
class KeyCount:
    """What the endpoint counted of one key. The totals may begin anew at 0, as when what they are kept in was lost;
    whoever compares two readings takes a total that shrank for one that was reset."""

    requests: int = 0
    tokens: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """What was done with one key since it was made, whatever was restarted meanwhile."""

    requests: int = 0
    """With a valid key; those too that a limit refused."""
    tokens: int = 0
    last_used_at: float | None = None
    minute: int = 0
    """Minutes since the epoch: the one that `minute_tokens` are of."""
    minute_tokens: int = 0
    day: int = 0
    """Days since the epoch, in UTC: the one that `day_tokens` are of."""
    day_tokens: int = 0
    read: KeyCount = field(default_factory=KeyCount)
    """The endpoint's totals up to which it is counted here."""
    noted_at: float = 0.0
    """When this was found."""
    refused: int = 0
    """Of the requests: by a limit, or since the key had expired."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key as the database has it: the key itself is known to whoever was given it."""

    id: int
    """Never used twice."""
    name: str
    """Unique within the service."""
    prefix: str
    """How the key begins, by which its owner knows it again."""
    digest: str
    """SHA-256 of the key, in hexadecimal."""
    created_at: float
    expires_at: float | None = None
    limits: KeyLimits = field(default_factory=KeyLimits)
    usage: KeyUsage = field(default_factory=KeyUsage)


@dataclass(frozen=True, slots=True)
class KeyRule:
    """One key, as the endpoint has to know it."""

    id: int
    digest: str
    expires_at: float | None = None
    requests_per_minute: int | None = None
    priority: int = 0
    has_budget: bool = False
    """Its tokens are counted: it may use up so many."""
    spent_until: float | None = None
    """Its budget of tokens is spent: nothing more before that time."""
