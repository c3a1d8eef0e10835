"""What a request's replica is found by, where the policy keeps like requests together."""

from skyserve.endpoint.translate.modules import module_filter, module_told
from skyserve.endpoint.translate.naming import Json
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy

FILTER, _KIND = "skyserve.prefix", "prefix"
"""It finds the beginning of a prompt (prefix.c)."""

_FOUND = "envoy.hashable_string"
"""Where it leaves that, within Envoy: no client can set it, and no replica is told."""


def prefix_filter() -> Json:
    """What prompt does the request have?"""
    return module_filter(FILTER, _KIND)


def prefix_for(table: RouteTable) -> Json:
    """By filter: what the routes ask for, how many bytes of the prompt count."""
    if table.policy is not LoadBalancingPolicy.PREFIX_AFFINITY:
        return {}
    return {FILTER: module_told(_KIND, str(table.settings.affinity.prefix_bytes))}


def hash_policy(table: RouteTable) -> Json:
    """For a route's action: what is hashed. A request that has none of it has no hash."""
    affinity = table.settings.affinity
    match table.policy:
        case LoadBalancingPolicy.PREFIX_AFFINITY:
            return {"hash_policy": [{"filter_state": {"key": _FOUND}}]}
        case LoadBalancingPolicy.SESSION_AFFINITY if affinity.header:
            return {"hash_policy": [{"header": {"header_name": affinity.header}}]}
        case LoadBalancingPolicy.SESSION_AFFINITY:
            # No time to live: it ends with the client's session.
            return {"hash_policy": [{"cookie": {"name": affinity.cookie, "path": "/", "ttl": "0s"}}]}
        case _:
            return {}
