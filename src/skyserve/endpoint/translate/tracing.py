"""Traces -> the spans that a listener makes, and the cluster that they are sent to.

A listener does not change while its service lives, so that it is decided at the proxy's start whether requests are
traced. Where they are not, nothing of this is there: a tracer at rest would still rewrite a client's traceparent.
"""

from skyserve.endpoint.translate.naming import REPLICA, Json, extension
from skyserve.model.tracing import Tracing

COLLECTOR = "traces"
"""The cluster of the bootstrap that spans are sent to."""
_MILLION = 1_000_000
_SAMPLERS = "tracers.opentelemetry.samplers.v3"


def tracing(settings: Tracing, service: str) -> Json:
    """Of one service's connection manager. A span names the service, the replica and its version."""
    share = {"numerator": round(settings.ratio * _MILLION), "denominator": "MILLION"}
    new_traces = {
        "name": "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
        "typed_config": {
            "@type": extension(f"{_SAMPLERS}.TraceIdRatioBasedSamplerConfig"),
            "sampling_percentage": share,
        },
    }
    return {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": {"envoy_grpc": {"cluster_name": COLLECTOR}, "timeout": "5s"},
                "service_name": service,
                "sampler": {
                    "name": "envoy.tracers.opentelemetry.samplers.parent_based",
                    "typed_config": {
                        "@type": extension(f"{_SAMPLERS}.ParentBasedSamplerConfig"),
                        "wrapped_sampler": new_traces,
                    },
                },
            },
        },
        # The URL without its path, whose query may hold keys; the path without its query is the name of the span.
        "max_path_tag_length": 0,
        "operation": "%REQ(:METHOD)% %PATH(NQ:ORIG_OR_PATH)%",
        "custom_tags": [_of_replica("replica"), _of_replica("version")],
    }


def _of_replica(key: str) -> Json:
    where = {"key": REPLICA, "path": [{"key": key}]}
    return {"tag": f"skyserve.{key}", "metadata": {"kind": {"host": {}}, "metadata_key": where}}
