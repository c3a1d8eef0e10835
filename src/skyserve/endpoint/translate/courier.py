"""Requests that the controller brings itself, for clients that it has kept company: what was done when they first came
is not done again.

They come to the service's own port, and bear what only the controller and Envoy know. Their first way through the
endpoint, which lasts until the client has the whole answer, has the key, the limit and the counting.
"""

from skyserve.endpoint.translate.keys import KEYS
from skyserve.endpoint.translate.naming import FILTER_CONFIG, Json, resource_name
from skyserve.endpoint.translate.rates import rate_filter_name
from skyserve.model.route import RouteTable

COURIER_HEADER = "x-skyserve-courier"
"""Never passed on, whoever wrote it."""


def courier_routes(table: RouteTable, secret: str, action: Json) -> list[Json]:
    """The route of such requests, where it differs from that of others: the first to be looked at."""
    settings = table.settings
    if not (settings.hold_seconds and (settings.require_key or settings.rate)):
        return []
    known = {"name": COURIER_HEADER, "string_match": {"exact": secret}}
    filters = (KEYS, rate_filter_name(resource_name(table.service_id)))
    passed: Json = {name: {"@type": FILTER_CONFIG, "disabled": True} for name in filters}
    return [{"match": {"prefix": "/", "headers": [known]}, "route": action, "typed_per_filter_config": passed}]
