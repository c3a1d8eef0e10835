"""`load_balancer:`, how the endpoint treats requests."""

from skyserve.model.endpoint import EndpointSettings
from skyserve.spec.base import Model, Seconds


class LoadBalancer(Model):
    """`load_balancer:`, settings of the endpoint."""

    stream_timeout_seconds: Seconds = 0
    """Longest silence on a response before it is cut; 0: no limit."""

    def settings(self) -> EndpointSettings:
        """As the endpoint is told."""
        return EndpointSettings(stream_timeout=self.stream_timeout_seconds)
