"""The one name that all of a service's resources bear, and what Envoy calls their kinds."""

from typing import Any

Json = dict[str, Any]
"""A resource in protobuf's JSON form."""

_PREFIX = "type.googleapis.com/envoy."
CLUSTER = _PREFIX + "config.cluster.v3.Cluster"
ENDPOINTS = _PREFIX + "config.endpoint.v3.ClusterLoadAssignment"
LISTENER = _PREFIX + "config.listener.v3.Listener"
ROUTES = _PREFIX + "config.route.v3.RouteConfiguration"
EXTENSION = _PREFIX + "config.core.v3.TypedExtensionConfig"
FILTER_CONFIG = _PREFIX + "config.route.v3.FilterConfig"
SECRET = _PREFIX + "extensions.transport_sockets.tls.v3.Secret"

STRUCT = "type.googleapis.com/xds.type.v3.TypedStruct"
"""A message that Envoy knows, and the packaged messages do not."""

METADATA = "envoy.lb"
"""Where Envoy looks for what its load balancing has to know of an endpoint."""

REPLICA = "skyserve"
"""Where each endpoint's metadata tells the `replica` and its `version`, for traces."""

ADS: Json = {"ads": {}, "resource_api_version": "V3"}
"""Where a resource that names another finds it: on the same stream."""


def extension(name: str) -> str:
    """The type of a message below envoy.extensions."""
    return f"{_PREFIX}extensions.{name}"


def struct(name: str, value: Json) -> Json:
    """A message below envoyproxy's extensions that is newer than the packaged ones: Envoy itself reads the value."""
    return {"@type": STRUCT, "type_url": extension(name), "value": value}


def says(expression: str) -> Json:
    """A condition on a request that has ended, in the Common Expression Language."""
    kind = extension("access_loggers.filters.cel.v3.ExpressionFilter")
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {"@type": kind, "expression": expression},
        }
    }


def resource_name(service_id: int) -> str:
    """By id, since a service's name may be given again while the old listener still drains."""
    return f"service-{service_id}"


def seconds(value: float) -> str:
    """A protobuf duration."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"
