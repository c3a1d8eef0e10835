"""`load_balancer:`, how the endpoint treats requests."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from skyserve.model.affinity import PREFIX_BYTES, Affinity
from skyserve.model.endpoint import EndpointSettings, Protocol
from skyserve.spec.base import AnyCase, Finding, Model, PositiveCount, Seconds, Text, invalid

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""What names of headers and cookies are made of: RFC 9110, section 5.6.2."""


def _token(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise invalid(Finding("should be a name of a header or cookie", "Write for example X-Session-Id."))
    return value


Token = Annotated[Text, AfterValidator(_token)]


class LoadBalancer(Model):
    """`load_balancer:`, settings of the endpoint."""

    stream_timeout_seconds: Seconds = 0
    """Longest silence on a response before it is cut; 0: no limit."""
    protocol: Annotated[Protocol, AnyCase] = Protocol.HTTP1
    """What is spoken with replicas: http1, or http2, which gRPC needs."""
    max_request_bytes: PositiveCount | None = None
    """Largest body of a request; a larger one is answered 413. No limit if not written."""
    session_header: Token | None = None
    """session_affinity: the request header that names the session."""
    session_cookie: Token | None = None
    """session_affinity: the cookie that names it. Who sends none is given one."""
    prefix_bytes: Annotated[PositiveCount, Field(le=32768)] | None = None
    """prefix_affinity: how much of a prompt's beginning is looked at; 8192 if not written."""
    affinity_load_percent: Annotated[PositiveCount, Field(ge=100, le=10_000)] | None = None
    """Most requests in flight on a replica, in percent of the average, before others take its own. If not written, 125
    for prefix_affinity, no bound for session_affinity."""
    require_key: bool = False
    """Refuse requests without an API key of the service (`sky serve keys`)."""

    def settings(self) -> EndpointSettings:
        """As the endpoint is told."""
        return EndpointSettings(
            stream_timeout=self.stream_timeout_seconds,
            protocol=self.protocol,
            max_request_bytes=self.max_request_bytes,
            affinity=Affinity(
                header=(self.session_header or "").lower(),
                cookie=self.session_cookie or "",
                prefix_bytes=self.prefix_bytes or PREFIX_BYTES,
                load_percent=self.affinity_load_percent,
            ),
            require_key=self.require_key,
        )
