"""What a request's replica is found by, where the policy keeps like requests together."""

from importlib.resources import files

from skyserve.endpoint.translate.naming import Json, extension
from skyserve.model.route import RouteTable
from skyserve.model.service import LoadBalancingPolicy

FILTER = "skyserve.prefix"
BODY_BYTES = 8 * 2**20
"""Bodies up to this size are looked into; they are held back until they have come whole. Larger ones pass at once."""

_KEY = "skyserve.prefix"
"""Where the script leaves what it found, within Envoy: no client can set it, and no replica is told."""
_SCRIPT = files("skyserve.endpoint.translate").joinpath("prefix.lua").read_text()


def prefix_filter() -> Json:
    """Stands in every listener and does nothing until a route asks for it."""
    return {
        "name": FILTER,
        "typed_config": {"@type": extension("filters.http.lua.v3.Lua")},
        "disabled": True,
    }


def prefix_script(table: RouteTable) -> Json:
    """By filter: what the routes ask for. The script travels with them, so that a listener outlives its changes, and
    costs nothing where nobody asks."""
    if table.policy is not LoadBalancingPolicy.PREFIX_AFFINITY:
        return {}
    return {
        FILTER: {
            "@type": extension("filters.http.lua.v3.LuaPerRoute"),
            "source_code": {"inline_string": _SCRIPT},
            "filter_context": {
                "key": _KEY,
                "prefix_bytes": table.settings.affinity.prefix_bytes,
                "body_bytes": BODY_BYTES,
            },
        }
    }


def hash_policy(table: RouteTable) -> Json:
    """For a route's action: what is hashed. A request that has none of it has no hash."""
    affinity = table.settings.affinity
    match table.policy:
        case LoadBalancingPolicy.PREFIX_AFFINITY:
            return {"hash_policy": [{"filter_state": {"key": _KEY}}]}
        case LoadBalancingPolicy.SESSION_AFFINITY if affinity.header:
            return {"hash_policy": [{"header": {"header_name": affinity.header}}]}
        case LoadBalancingPolicy.SESSION_AFFINITY:
            # No time to live: it ends with the client's session.
            return {"hash_policy": [{"cookie": {"name": affinity.cookie, "path": "/", "ttl": "0s"}}]}
        case _:
            return {}
