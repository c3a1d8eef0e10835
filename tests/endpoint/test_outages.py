"""When a service has no replica that works, as Envoy sees it."""

from dataclasses import replace

from skyserve.endpoint.admin import Host
from skyserve.endpoint.outages import Outages
from skyserve.model.endpoint import EndpointSettings
from skyserve.model.place import Address
from skyserve.model.route import Backend, RouteTable
from skyserve.model.service import LoadBalancingPolicy

SETTINGS = EndpointSettings(stream_timeout=30, hold_seconds=60)
BACKENDS = tuple(Backend(n, Address("10.0.0.1", n)) for n in (1, 2))
TABLE = RouteTable(7, "hello", 30001, LoadBalancingPolicy.LEAST_LOAD, BACKENDS, settings=SETTINGS)


def heeded(outages: Outages, table: RouteTable, *routable: int) -> frozenset[int]:
    """Services that are told of when Envoy would send requests to these replicas and to no others."""

    def host_of(name: str, address: Address) -> Host | None:
        assert name == "service-7"
        return Host(address.port in routable, 0, 0, 0, 0)

    return outages.heed([table], host_of)


def test_it_is_told_when_it_begins_and_when_it_ends() -> None:
    """One replica that works is enough; one that drains takes nothing new, and counts for none."""
    outages = Outages()
    assert heeded(outages, TABLE, 2) == frozenset()
    assert heeded(outages, TABLE) == {7}
    assert heeded(outages, TABLE) == frozenset()
    assert outages.of(7)
    assert heeded(outages, TABLE, 1) == {7}
    drained = replace(TABLE, backends=(BACKENDS[0]._replace(draining=True), BACKENDS[1]))
    assert heeded(outages, drained, 1) == {7}
    assert outages.of(7)


def test_it_matters_where_silence_is_limited_and_requests_may_wait() -> None:
    """Other services' routes do not change with the health of replicas."""
    for settings in (replace(SETTINGS, stream_timeout=0), replace(SETTINGS, hold_seconds=0)):
        assert heeded(Outages(), replace(TABLE, settings=settings)) == frozenset()
