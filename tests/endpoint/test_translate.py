"""Route tables -> Envoy's resources, compared with what was reviewed once.

After a change that is meant, rewrite the goldens with UPDATE_GOLDENS=1 and read the difference.
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml

from skyserve.endpoint.resources import pack
from skyserve.endpoint.translate.endpoints import endpoints
from skyserve.endpoint.translate.naming import LISTENER
from skyserve.endpoint.translate.rates import rate
from skyserve.endpoint.translate.service import resources
from skyserve.model.affinity import Affinity
from skyserve.model.endpoint import (
    ConcurrencyLimit,
    EndpointSettings,
    RateLimit,
    RegionOrder,
    RegionSettings,
    ReplicaKey,
    ReplicaTls,
    TlsFiles,
)
from skyserve.model.key import KeyRule
from skyserve.model.place import Address
from skyserve.model.route import Backend, Certificate, RouteTable, Trust
from skyserve.model.service import LoadBalancingPolicy


class Plain(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Always."""
        return True


GOLDENS = Path(__file__).parent / "goldens"

MUTUAL = ReplicaTls("/ca.pem", "replica.internal", TlsFiles("/key.pem", "/cert.pem"))
LOG, TALLY = Path("/logs/access.jsonl"), Path("/tallies/1")
TABLES = {
    "two-replicas": RouteTable(
        7,
        "hello",
        30001,
        LoadBalancingPolicy.LEAST_LOAD,
        (Backend(2, Address("10.0.0.2", 8080)), Backend(1, Address("10.0.0.1", 8080))),
        "/health?deep=0",
    ),
    "draining-tcp-timeout": RouteTable(
        8,
        "chat-%d",
        30002,
        LoadBalancingPolicy.ROUND_ROBIN,
        (Backend(1, Address("fd00::1", 80), draining=True),),
        None,
        EndpointSettings(stream_timeout=600.5, max_request_bytes=2**40),
    ),
    "unlike-replicas": RouteTable(
        10,
        "mixed",
        30004,
        LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD,
        (Backend(1, Address("10.0.0.1", 80), weight=0.5), Backend(2, Address("10.0.0.2", 80), weight=1.5)),
    ),
    "split": RouteTable(
        11,
        "trial",
        30005,
        LoadBalancingPolicy.LEAST_LOAD,
        (Backend(1, Address("10.0.0.1", 8080)), Backend(2, Address("10.0.0.2", 8080), canary=True)),
        canary_percent=5,
    ),
    "prefix": RouteTable(
        12,
        "chats",
        30006,
        LoadBalancingPolicy.PREFIX_AFFINITY,
        (Backend(1, Address("10.0.0.1", 8080)),),
        settings=EndpointSettings(affinity=Affinity(prefix_bytes=100)),
    ),
    "session": RouteTable(
        13,
        "sessions",
        30007,
        LoadBalancingPolicy.SESSION_AFFINITY,
        settings=EndpointSettings(affinity=Affinity(cookie="sky", load_percent=150)),
    ),
    "keys": RouteTable(
        14,
        "guarded",
        30008,
        LoadBalancingPolicy.LEAST_LOAD,
        (Backend(1, Address("10.0.0.1", 8080)),),
        settings=EndpointSettings(require_key=True),
        keys=(
            KeyRule(
                2, 64 * "b", 1735689600.5, requests_per_minute=45, priority=3, has_budget=True, spent_until=1735689660.0
            ),
            KeyRule(1, 64 * "a"),
        ),
    ),
    "few-at-a-time": RouteTable(
        15,
        "images",
        30009,
        LoadBalancingPolicy.LEAST_LOAD,
        (Backend(1, Address("10.0.0.1", 8080)),),
        settings=EndpointSettings(concurrency=ConcurrencyLimit(per_replica=1, queued=50, seconds=45)),
    ),
    "replica-keys": RouteTable(
        17,
        "locked",
        30011,
        LoadBalancingPolicy.LEAST_LOAD,
        (
            Backend(1, Address("10.0.0.1", 8080), key=ReplicaKey("old")),
            Backend(2, Address("10.0.0.2", 8080), key=ReplicaKey("new", "x-api-key")),
            Backend(3, Address("10.0.0.3", 8080)),
        ),
        settings=EndpointSettings(replica_key=ReplicaKey("new", "x-api-key")),
    ),
    "replicas-with-tls": RouteTable(
        18,
        "sealed",
        30012,
        LoadBalancingPolicy.LEAST_LOAD,
        (
            Backend(1, Address("10.0.0.1", 8443), tls=MUTUAL),
            Backend(2, Address("10.0.0.2", 8443), tls=ReplicaTls()),
            Backend(3, Address("10.0.0.3", 8080)),
        ),
        settings=EndpointSettings(replica_tls=MUTUAL),
        trusts={MUTUAL: Trust("AUTHORITIES", Certificate("CHAIN", "KEY", 0)), ReplicaTls(): Trust()},
    ),
    "few-in-time": RouteTable(
        19,
        "calm",
        30013,
        LoadBalancingPolicy.LEAST_LOAD,
        settings=EndpointSettings(rate=RateLimit(per_second=2.5, burst=10), hold_seconds=60),
    ),
    "hold": RouteTable(
        16,
        "patient",
        30010,
        LoadBalancingPolicy.LEAST_LOAD,
        settings=EndpointSettings(stream_timeout=30, hold_seconds=600),
    ),
    "regions": RouteTable(
        17,
        "everywhere",
        30011,
        LoadBalancingPolicy.LEAST_LOAD,
        (Backend(1, Address("10.0.0.1", 8080)), Backend(2, Address("10.1.0.1", 8080), rank=1)),
        settings=EndpointSettings(regions=RegionSettings(RegionOrder.NEAREST)),
    ),
    "no-replica": RouteTable(9, "empty", 30003, LoadBalancingPolicy.LEAST_LOAD),
}


@pytest.mark.parametrize("name", TABLES)
def test_goldens(name: str) -> None:
    """Each table gives the reviewed resources."""
    content = resources(TABLES[name], host="0.0.0.0", courier="secret", access_log=LOG, tally=TALLY)
    text = yaml.dump(content, Dumper=Plain, sort_keys=False, width=100)
    golden = GOLDENS / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(text)

    assert text == golden.read_text()


@pytest.mark.parametrize("name", TABLES)
def test_envoy_knows_every_field(name: str) -> None:
    """Each resource is one of Envoy's, in field names and types, and its version depends on its content alone."""
    content = resources(TABLES[name], host="0.0.0.0", courier="secret", access_log=LOG, tally=TALLY)

    for resource in content:
        packed = pack(resource)
        assert packed.body.type_url == resource["@type"]
        assert packed.version == pack(dict(reversed(resource.items()))).version


def test_order_of_replicas_does_not_matter() -> None:
    """The same replicas in another order are the same resource, so that nothing is sent."""
    backends = TABLES["two-replicas"].backends
    given, turned = (
        resources(
            RouteTable(7, "hello", 30001, LoadBalancingPolicy.LEAST_LOAD, order),
            host="::",
            courier="secret",
            access_log=LOG,
            tally=TALLY,
        )
        for order in (backends, backends[::-1])
    )

    assert given == turned


def test_listener_depends_on_nothing_that_changes() -> None:
    """Replicas, policy, health path and timeout leave the listener as it is: a changed one would cut connections."""
    before = RouteTable(7, "hello", 30001, LoadBalancingPolicy.LEAST_LOAD)
    limit, backend = ConcurrencyLimit(1, 1, 1), Backend(1, Address("10.0.0.1", 1))
    changed = EndpointSettings(
        stream_timeout=30, require_key=True, max_request_bytes=5, concurrency=limit, rate=RateLimit(1, 1)
    )
    after = RouteTable(7, "hello", 30001, LoadBalancingPolicy.PREFIX_AFFINITY, (backend,), None, changed)
    after = replace(after, keys=(KeyRule(1, "hash", requests_per_minute=1),))
    told = partial(resources, host="::", courier="secret", access_log=LOG, tally=TALLY)
    old, new = ({(one["@type"], one.get("name")): one for one in told(table)} for table in (before, after))

    assert [which for which in new if old.get(which) == new[which]] == [(LISTENER, "service-7")]


def test_limits_depend_on_limits_alone() -> None:
    """Another key, replica or setting leaves them as they are: changed ones would begin with full buckets."""
    settings = EndpointSettings(require_key=True, rate=RateLimit(1, 1))
    before = RouteTable(7, "hello", 30001, LoadBalancingPolicy.LEAST_LOAD, settings=settings)
    before = replace(before, keys=(KeyRule(1, "hash", requests_per_minute=60), KeyRule(2, "other")))
    spent = KeyRule(3, "new", requests_per_minute=60, has_budget=True, spent_until=1.0)
    after = replace(before, keys=(*before.keys, spent), backends=(Backend(1, Address("10.0.0.1", 1)),))
    after = replace(after, settings=replace(settings, max_request_bytes=1, stream_timeout=1))

    assert len(rate(before)) == 1
    assert rate(before) == rate(after)


def test_equal_weights_are_not_told() -> None:
    """Replicas that can take the same are balanced as if there were no weights, whatever the number."""
    backends = tuple(Backend(n, Address("10.0.0.1", n), weight=3.0) for n in (1, 2))
    table = RouteTable(1, "hello", 30001, LoadBalancingPolicy.INSTANCE_AWARE_LEAST_LOAD, backends)

    assert "load_balancing_weight" not in str(endpoints(table))


def test_an_order_of_regions_is_a_matter_of_routes() -> None:
    """Ranks that differ switch the gate on, and change nothing else, also while the requests are split."""
    alike = (Backend(1, Address("10.0.0.1", 1)), Backend(2, Address("10.0.0.1", 2)))
    table = RouteTable(1, "hello", 30001, LoadBalancingPolicy.LEAST_LOAD, alike)
    ranked = replace(table, backends=(alike[0], alike[1]._replace(rank=1)))

    made = partial(resources, host="::", courier="secret", access_log=LOG, tally=TALLY)
    for percent in (None, 5):
        plain, led = (made(replace(one, canary_percent=percent)) for one in (table, ranked))
        assert [a == b for a, b in zip(plain, led, strict=True)] == [True, True, True, False]
