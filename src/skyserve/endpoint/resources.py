"""Envoy's resources as they go over the wire, each with a version that says what it contains."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# A message inside an Any is found by name among the imported modules: each type that translate/ writes stands here.
import envoy.config.cluster.v3.cluster_pb2
import envoy.config.core.v3.extension_pb2
import envoy.config.endpoint.v3.endpoint_pb2
import envoy.config.listener.v3.listener_pb2
import envoy.config.route.v3.route_pb2
import envoy.config.trace.v3.opentelemetry_pb2
import envoy.extensions.access_loggers.filters.cel.v3.cel_pb2
import envoy.extensions.filters.http.dynamic_modules.v3.dynamic_modules_pb2
import envoy.extensions.filters.http.ext_proc.v3.ext_proc_pb2
import envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2
import envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2
import envoy.extensions.filters.http.router.v3.router_pb2
import envoy.extensions.filters.http.upstream_codec.v3.upstream_codec_pb2
import envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2
import envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2
import envoy.extensions.load_balancing_policies.least_request.v3.least_request_pb2
import envoy.extensions.load_balancing_policies.maglev.v3.maglev_pb2
import envoy.extensions.load_balancing_policies.override_host.v3.override_host_pb2
import envoy.extensions.load_balancing_policies.round_robin.v3.round_robin_pb2
import envoy.extensions.load_balancing_policies.subset.v3.subset_pb2
import envoy.extensions.request_id.uuid.v3.uuid_pb2
import envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2
import envoy.extensions.tracers.opentelemetry.samplers.v3.parent_based_sampler_pb2
import envoy.extensions.tracers.opentelemetry.samplers.v3.trace_id_ratio_based_sampler_pb2
import envoy.extensions.transport_sockets.tls.v3.tls_pb2
import envoy.extensions.upstreams.http.v3.http_protocol_options_pb2  # noqa: F401
import xds.type.v3.typed_struct_pb2  # noqa: F401
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import ParseDict

from skyserve.endpoint.translate.naming import Json


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, ready to send."""

    version: str
    """Hash of the content: the same after a restart of the controller, so that nothing is sent again."""
    body: AnyMessage


Resources = Mapping[str, Mapping[str, Resource]]
"""By kind, in the order in which Envoy should hear of them, then by name."""


def pack_all(contents: Iterable[Json], before: Resources) -> Resources:
    """Resources that are told together, ready to send; those that are as `before` are not packed again, which is most
    of the work of a change. Raises ParseError, as `pack`."""
    packed: dict[str, dict[str, Resource]] = {}
    for content in contents:
        kind, name = content["@type"], content.get("name") or content["cluster_name"]
        packed.setdefault(kind, {})[name] = pack(content, before.get(kind, {}).get(name))
    return packed


def pack(content: Json, before: Resource | None = None) -> Resource:
    """Raises google.protobuf.json_format.ParseError for a field that Envoy's API does not have."""
    version = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    if before is not None and before.version == version:
        return before
    return Resource(version, ParseDict(content, AnyMessage()))
