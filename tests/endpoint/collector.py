"""A collector of OpenTelemetry's traces: OTLP over gRPC, kept in memory."""

from typing import Any

import grpc.aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from skyserve.model.tracing import Tracing

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


class Collector:
    """Spans, with the service that each is of."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []
        self._server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=trace_service_pb2.ExportTraceServiceRequest.FromString,
            response_serializer=trace_service_pb2.ExportTraceServiceResponse.SerializeToString,
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),))
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def stop(self) -> None:
        """Hang up."""
        await self._server.stop(grace=None)

    def tracing(self, ratio: float = 1.0) -> Tracing:
        """The settings that lead here."""
        return Tracing("127.0.0.1", self._port, ratio)

    def of(self, service: str) -> list[Any]:
        """The spans of one service."""
        return [span for name, span in self.spans if name == service]

    async def _export(self, request: Any, _: Any) -> Any:
        for resource in request.resource_spans:
            names = [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
            # The packaged messages are older than the name `scope_spans`; on the wire it is the same.
            scopes = resource.instrumentation_library_spans
            self.spans += [(names[0], span) for scope in scopes for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()
