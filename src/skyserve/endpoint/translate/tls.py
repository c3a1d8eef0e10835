"""Certificates -> Secret, and how a listener of a service with one tells https from http.

The listener names the secret; what it holds comes apart from it, so that a new certificate changes no listener and cuts
no connection.
"""

import json

from skyserve.endpoint.translate.naming import ADS, SECRET, Json, extension, resource_name, seconds
from skyserve.model.route import Certificate, RouteTable

HANDSHAKE_SECONDS = 15.0
"""Until a connection has told what it speaks, and then until its handshake is done."""

_MANAGER = "filters.network.http_connection_manager.v3.HttpConnectionManager"


def secret(service_id: int, certificate: Certificate) -> Json:
    """What the service proves itself with."""
    return {
        "@type": SECRET,
        "name": resource_name(service_id),
        "tls_certificate": {
            "certificate_chain": {"inline_string": certificate.chain},
            "private_key": {"inline_string": certificate.key},
        },
    }


def with_tls(table: RouteTable, chain: Json, log: Json) -> Json:
    """Fields of a listener that does with https what the filter chain does, and tells clients that speak http so.
    `log`: the access logger of both."""
    return {
        "listener_filters": [
            {
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": {"@type": extension("filters.listener.tls_inspector.v3.TlsInspector")},
            }
        ],
        "listener_filters_timeout": seconds(HANDSHAKE_SECONDS),
        "filter_chains": [
            {
                **chain,
                "filter_chain_match": {"transport_protocol": "tls"},
                "transport_socket": _terminating(resource_name(table.service_id)),
                "transport_socket_connect_timeout": seconds(HANDSHAKE_SECONDS),
            },
            {"filter_chain_match": {"transport_protocol": "raw_buffer"}, "filters": [_telling(table, log)]},
        ],
    }


def _terminating(name: str) -> Json:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": extension("transport_sockets.tls.v3.DownstreamTlsContext"),
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [{"name": name, "sds_config": ADS}],
            },
        },
    }


def _telling(table: RouteTable, log: Json) -> Json:
    """Answers each request with what is wrong. Not with a redirect: a key that was sent in clear should be noticed."""
    message = f"Service '{table.name}' speaks https on this port. Write https:// instead of http:// in the address."
    error = {"error": {"message": message, "type": "https_required", "code": 400}}
    name = f"{resource_name(table.service_id)}-plain"
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": extension(_MANAGER),
            "stat_prefix": name,
            "codec_type": "AUTO",
            "request_headers_timeout": seconds(HANDSHAKE_SECONDS),
            "stream_idle_timeout": seconds(HANDSHAKE_SECONDS),
            "common_http_protocol_options": {"idle_timeout": seconds(HANDSHAKE_SECONDS)},
            "access_log": [log],
            "route_config": {
                "name": name,
                "virtual_hosts": [
                    {
                        "name": name,
                        "domains": ["*"],
                        "routes": [
                            {
                                "match": {"prefix": "/"},
                                "direct_response": {"status": 400, "body": {"inline_string": json.dumps(error)}},
                                "response_headers_to_add": [
                                    {
                                        "header": {"key": "content-type", "value": "application/json"},
                                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                                    }
                                ],
                            }
                        ],
                    }
                ],
            },
            "http_filters": [
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": extension("filters.http.router.v3.Router")},
                }
            ],
        },
    }
