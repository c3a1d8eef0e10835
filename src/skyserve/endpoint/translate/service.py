"""All resources of one service."""

from pathlib import Path

from skyserve.endpoint.translate.cluster import cluster
from skyserve.endpoint.translate.endpoints import endpoints
from skyserve.endpoint.translate.listener import listener
from skyserve.endpoint.translate.naming import Json
from skyserve.endpoint.translate.rates import rate
from skyserve.endpoint.translate.replica_tls import secrets
from skyserve.endpoint.translate.routes import routes
from skyserve.endpoint.translate.tls import secret
from skyserve.model.route import RouteTable
from skyserve.model.tracing import Tracing


def resources(
    table: RouteTable,
    *,
    host: str,
    access_log: Path,
    tally: Path,
    courier: str,
    traces: Tracing | None = None,
    settled: int = 0,
    outage: bool = False,
) -> list[Json]:
    """In the order in which Envoy should hear of them: what is pointed to before what points to it.

    Addresses in the table must be IP addresses. `host` is the IP address that the listener binds; `courier`: how
    requests are known that the controller brings; `traces`: where Envoy was told to send them when it was started;
    `settled` counts how often new replicas have ceased to be new (skyserve.endpoint.slow_start); `outage`: none of them
    works (skyserve.endpoint.outages).
    """
    own = [secret(table.service_id, table.certificate)] if table.settings.tls and table.certificate else []
    return [
        cluster(table),
        endpoints(table, settled),
        *secrets(table),
        *own,
        *rate(table),
        listener(table, host=host, access_log=access_log, tally=tally, traces=traces),
        routes(table, courier=courier, outage=outage),
    ]
