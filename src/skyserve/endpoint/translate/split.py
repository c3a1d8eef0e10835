"""Replicas on trial and the others: two subsets of one cluster, and routes that prefer one of them by percent.

Subsets and not clusters of their own: a replica has one health, one count of requests, one place where Envoy knows it;
and a split comes, changes and goes by the routes alone, with nothing to warm up and no connection to let go.
"""

from skyserve.endpoint.translate.naming import METADATA, Json, extension
from skyserve.model.route import Backend, RouteTable

_KEY = "kind"
_STABLE, _CANARY, _WAITING = "stable", "canary", "waiting"


def kind(backend: Backend) -> Json:
    """Of an endpoint's metadata: which of the two it is. Without a split nobody asks."""
    return {_KEY: _CANARY if backend.canary else _STABLE}


def kind_of_room() -> Json:
    """Likewise of the waiting room, which is neither of them."""
    return {_KEY: _WAITING}


def by_kind(policy: Json) -> Json:
    """The policy, applied within the subset that a route asks for; among all replicas where it asks for none."""
    return {
        "name": "envoy.load_balancing_policies.subset",
        "typed_config": {
            "@type": extension("load_balancing_policies.subset.v3.Subset"),
            "fallback_policy": "ANY_ENDPOINT",
            "subset_selectors": [{"keys": [_KEY]}],
            "metadata_fallback_policy": "FALLBACK_LIST",
            "subset_lb_policy": {"policies": [{"typed_extension_config": policy}]},
        },
    }


def destination(table: RouteTable, cluster: str) -> Json:
    """Where a route leads: to all replicas alike, or so many percent to either kind."""
    if table.canary_percent is None:
        return {"cluster": cluster}
    shares = ((_STABLE, _CANARY, 100 - table.canary_percent), (_CANARY, _STABLE, table.canary_percent))
    return {
        "weighted_clusters": {
            "clusters": [
                {"name": cluster, "weight": weight, "metadata_match": _in_order(first, then)}
                for first, then, weight in shares
            ]
        }
    }


def _in_order(first: str, then: str) -> Json:
    """The first kind that has a replica which works: also at a retry, once those of the other are passed over."""
    order = (first, then, _WAITING)
    return {"filter_metadata": {METADATA: {"fallback_list": [{_KEY: kind} for kind in order]}}}
