"""Where traces of requests go."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tracing:
    """A collector of OpenTelemetry's, spoken to in OTLP over gRPC, without TLS."""

    host: str
    port: int
    ratio: float = 1.0
    """Share of the traces that begin at the endpoint, from 0 to 1. Where a client has begun one, it has decided."""
