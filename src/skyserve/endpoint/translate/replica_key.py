"""Replica keys -> a header of each request that is sent to a replica.

A key belongs to a replica: during an update some were started with the old one, others with the new one. So it stands
in the metadata of its endpoint, and a filter behind the choice of the replica puts it in, at each try. The cluster
depends on the names of the headers alone, and a new key changes none.
"""

from skyserve.endpoint.translate.naming import Json, extension
from skyserve.model.route import Backend, RouteTable

_METADATA = "skyserve.replica_key"
"""Of an endpoint: what each header is to hold. No log and no statistic reads it."""


def key_of(backend: Backend) -> Json:
    """For an endpoint's metadata."""
    return {_METADATA: {backend.key.header: backend.key.sent}} if backend.key else {}


def headers(table: RouteTable) -> list[Json]:
    """To be added wherever a replica is spoken to. For one without a key nothing is added. The version wanted counts
    from the beginning, so that the cluster is ready before its first replica comes."""
    keys = (table.settings.replica_key, *(backend.key for backend in table.backends))
    return [
        {
            "header": {"key": name, "value": f"%UPSTREAM_METADATA({_METADATA}:{name})%"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for name in sorted({key.header for key in keys if key})
    ]


def key_filters(table: RouteTable) -> Json:
    """Fields of the cluster's protocol options; nothing for a service without keys, which pays nothing."""
    added = headers(table)
    if not added:
        return {}
    mutations = {"request_mutations": [{"append": header} for header in added]}
    return {
        "http_filters": [
            {
                "name": "envoy.filters.http.header_mutation",
                "typed_config": {
                    "@type": extension("filters.http.header_mutation.v3.HeaderMutation"),
                    "mutations": mutations,
                },
            },
            {
                "name": "envoy.filters.http.upstream_codec",
                "typed_config": {"@type": extension("filters.http.upstream_codec.v3.UpstreamCodec")},
            },
        ]
    }
