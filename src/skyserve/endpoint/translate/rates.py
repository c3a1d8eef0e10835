"""The limit of requests in time of a service as a whole; that of each API key is the key's affair (keys.py).

What is left in the bucket belongs to the configuration of Envoy's filter, and a changed one begins with a full bucket.
So it comes to Envoy apart from the routes, which change with each key and at each outage: it changes with the limit
alone.
"""

import math

from skyserve.endpoint.translate.naming import ADS, EXTENSION, FILTER_CONFIG, Json, extension, resource_name
from skyserve.model.endpoint import RateLimit
from skyserve.model.route import RouteTable

_LIMIT = extension("filters.http.local_ratelimit.v3.LocalRateLimit")
_ALWAYS: Json = {"default_value": {"numerator": 100}}


def rate_filter_name(service: str) -> str:
    """How the filter is called, as the resource is that holds its limit. `service`: its resource name."""
    return f"{service}.rate"


def rate_filter(service: str) -> Json:
    """It does nothing until routes switch it on. `service`: its resource name."""
    name = rate_filter_name(service)
    return {
        "name": name,
        "disabled": True,
        "config_discovery": {
            "config_source": ADS,
            "type_urls": [_LIMIT],
            # Most services have no limit, and would never be ready.
            "default_config": {"@type": _LIMIT, "stat_prefix": name},
            "apply_default_config_without_warming": True,
        },
    }


def rate_for(table: RouteTable) -> Json:
    """By filter: what the routes of a service switch on."""
    return {limit["name"]: {"@type": FILTER_CONFIG, "config": {}} for limit in rate(table)}


def rate(table: RouteTable) -> list[Json]:
    """The limit, a resource of its own; nothing where there is none."""
    if table.settings.rate is None:
        return []
    name = rate_filter_name(resource_name(table.service_id))
    return [{"@type": EXTENSION, "name": name, "typed_config": _bucket(name, table.settings.rate)}]


def _bucket(name: str, limit: RateLimit) -> Json:
    """What it refuses tells when to try again."""
    seconds = math.ceil(1 / limit.per_second)
    return {
        "@type": _LIMIT,
        "stat_prefix": name,
        "filter_enabled": _ALWAYS,
        "filter_enforced": _ALWAYS,
        "token_bucket": {
            "max_tokens": limit.burst,
            "tokens_per_fill": max(1, round(60 * limit.per_second)),
            "fill_interval": "60s",
        },
        "response_headers_to_add": [{"header": {"key": "retry-after", "value": str(seconds)}}],
    }
