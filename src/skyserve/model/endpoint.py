"""How a service's endpoint treats requests, as its YAML says."""

from dataclasses import dataclass, field

from skyserve.model.affinity import Affinity


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times in seconds."""

    stream_timeout: float = 0
    """Longest silence on a response; 0: no limit."""
    affinity: Affinity = field(default_factory=Affinity)
    """Heeded by the policies that bear its name."""
    require_key: bool = False
    """Refuse every request without one of the service's API keys."""
