"""The service's policy -> how Envoy chooses one of the replicas that may be chosen."""

from skyserve.endpoint.translate.naming import Json, extension, seconds
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy

PREFIX_LOAD_PERCENT = 125
"""What usually bounds the load under `prefix_affinity`, of the range of 125 to 150 that is commonly taken for
consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016)."""


def balancing(table: RouteTable) -> Json:
    """For the replicas of one kind, or all."""
    name, settings = _policy(table)
    kind = f"load_balancing_policies.{name}.v3.{''.join(part.title() for part in name.split('_'))}"
    return {
        "name": f"envoy.load_balancing_policies.{name}",
        "typed_config": {"@type": extension(kind), **settings},
    }


def hash_key(backend: Backend) -> Json:
    """Of an endpoint's metadata: by what its share of the hashes is found. By default that is its address; by number it
    keeps its share when it is reached at another."""
    return {"hash_key": str(backend.replica_id)}


def _policy(table: RouteTable) -> tuple[str, Json]:
    percent = table.settings.affinity.load_percent
    match table.policy:
        case LoadBalancingPolicy.LEAST_LOAD | LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD:
            # Full scan: of a few slow replicas the least busy one is meant, not the better of two drawn at random.
            # Where the endpoints have unequal weights it is by these.
            return "least_request", {"selection_method": "FULL_SCAN", **_slow_start(table)}
        case LoadBalancingPolicy.ROUND_ROBIN:
            return "round_robin", _slow_start(table)
        case LoadBalancingPolicy.PREFIX_AFFINITY:
            return "maglev", _hashed(percent or PREFIX_LOAD_PERCENT)
        case LoadBalancingPolicy.SESSION_AFFINITY:
            return "maglev", _hashed(percent)


def _slow_start(table: RouteTable) -> Json:
    window = table.settings.slow_start
    return {"slow_start_config": {"slow_start_window": seconds(window)}} if window > 0 else {}


def _hashed(load_percent: int | None) -> Json:
    """What has no hash goes anywhere at random, within the bound.

    Maglev and not Envoy's ring: the ring's size is fixed, so that replicas that come take points from the others, and
    twice as many keys move as must; and with 64 replicas the luckiest has a fifth more keys than the average. Maglev
    gives each the same share, and moves little more than must move.
    """
    return {} if load_percent is None else {"consistent_hashing_lb_config": {"hash_balance_factor": load_percent}}
