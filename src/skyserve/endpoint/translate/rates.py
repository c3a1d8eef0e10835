"""Limits of requests in time: of each API key, and of a service as a whole.

What is left in a bucket belongs to the filter's configuration, and a changed one begins with full buckets. So these
come to Envoy apart from the routes, which change with each key and at each outage: they change with the limits alone.
"""

import math

from skyserve.endpoint.translate.naming import ADS, EXTENSION, METADATA_OF_KEYS, Json, extension, resource_name
from skyserve.model.endpoint import RateLimit
from skyserve.model.route import RouteTable

KEY_RATE, SERVICE_RATE = "skyserve.rates", "skyserve.service_rate"
"""The filters."""
MOST_KEYS = 1000
"""Buckets of keys with the same limit."""

_LIMIT = extension("filters.http.local_ratelimit.v3.LocalRateLimit")
_FILTER_CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
_ALWAYS: Json = {"default_value": {"numerator": 100}}
_ON: Json = {"filter_enabled": _ALWAYS, "filter_enforced": _ALWAYS}


def rate_filter(name: str, service: str) -> Json:
    """One of the filters, which does nothing until routes switch it on and Envoy has been told the limits. `service`:
    its resource name."""
    return {
        "name": name,
        "disabled": True,
        "config_discovery": {
            "config_source": ADS,
            "type_urls": [_LIMIT],
            "default_config": {"@type": _LIMIT, "stat_prefix": name},
            # Most services have no limits, and would not come up.
            "apply_default_config_without_warming": True,
        },
    }


def rates_for(table: RouteTable) -> Json:
    """By filter: what the routes of a service switch on."""
    return {limit["name"].partition("/")[2]: {"@type": _FILTER_CONFIG, "config": {}} for limit in rate_limits(table)}
