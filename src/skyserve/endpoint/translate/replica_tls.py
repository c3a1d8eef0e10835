"""How replicas that speak https are spoken to -> transport sockets of their cluster, and the secrets these name.

It is chosen by replica: during an update some speak http and others https. Health checks go the same way.
"""

import hashlib

from skyserve.endpoint.translate.naming import ADS, SECRET, Json, extension, resource_name
from skyserve.model.endpoint import Protocol, ReplicaTls
from skyserve.model.route import Backend, RouteTable, Trust

_METADATA = "envoy.transport_socket_match"
"""Of an endpoint: where Envoy looks for what chooses its transport socket."""
_WAY, _ANY = "way", "tls"


def way_of(backend: Backend) -> Json:
    """For an endpoint's metadata."""
    return {_METADATA: {_WAY: _digest(backend.tls), _ANY: "yes"}} if backend.tls else {}


def sockets(table: RouteTable) -> Json:
    """Fields of the cluster; nothing where all speak http."""
    ways = _ways(table)
    if not ways:
        return {}
    by_way = [(_digest(way), {_WAY: _digest(way)}, way) for way in ways]
    # While a changed cluster warms up, its predecessor meets replicas of ways that it does not know yet.
    by_way.append(("any", {_ANY: "yes"}, table.settings.replica_tls or ways[0]))
    return {
        "transport_socket_matches": [
            {"name": name, "match": match, "transport_socket": _socket(table, way)} for name, match, way in by_way
        ]
    }


def secrets(table: RouteTable) -> list[Json]:
    """What those sockets name, as far as it is known."""
    return [
        secret for way in _ways(table) if (trust := table.trusts.get(way)) for secret in _secrets(table, way, trust)
    ]


def _ways(table: RouteTable) -> list[ReplicaTls]:
    """The version wanted counts from the beginning, so that the cluster is ready before its first replica comes."""
    asked = {table.settings.replica_tls, *(backend.tls for backend in table.backends)}
    return sorted((way for way in asked if way), key=_digest)


def _digest(way: ReplicaTls) -> str:
    return hashlib.sha256(repr(way).encode()).hexdigest()[:8]


def _name(table: RouteTable, way: ReplicaTls, what: str) -> str:
    return f"{resource_name(table.service_id)}-{_digest(way)}-{what}"


def _socket(table: RouteTable, way: ReplicaTls) -> Json:
    protocol = "h2" if table.settings.protocol is Protocol.HTTP2 else "http/1.1"
    shown = [{"name": _name(table, way, "pair"), "sds_config": ADS}] if way.pair else []
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": extension("transport_sockets.tls.v3.UpstreamTlsContext"),
            "common_tls_context": {
                # To replicas Envoy speaks no 1.3 by default.
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
                "alpn_protocols": [protocol],
                **({"tls_certificate_sds_secret_configs": shown} if shown else {}),
                **(_validation(table, way) if way.cafile else {}),
            },
            **({"sni": way.server_name} if way.server_name else {}),
        },
    }


def _validation(table: RouteTable, way: ReplicaTls) -> Json:
    names = [{"san_type": "DNS", "matcher": {"exact": way.server_name}}] if way.server_name else []
    return {
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": names} if names else {},
            "validation_context_sds_secret_config": {"name": _name(table, way, "authorities"), "sds_config": ADS},
        }
    }


def _secrets(table: RouteTable, way: ReplicaTls, trust: Trust) -> list[Json]:
    found = []
    if trust.authorities:
        context = {"trusted_ca": {"inline_string": trust.authorities}}
        name = _name(table, way, "authorities")
        found.append({"@type": SECRET, "name": name, "validation_context": context})
    if trust.pair:
        pair = {
            "certificate_chain": {"inline_string": trust.pair.chain},
            "private_key": {"inline_string": trust.pair.key},
        }
        found.append({"@type": SECRET, "name": _name(table, way, "pair"), "tls_certificate": pair})
    return found
