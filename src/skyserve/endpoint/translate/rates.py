"""Limits of requests in time: of each API key, and of a service as a whole.

What is left in a bucket belongs to the configuration of Envoy's filter, and a changed one begins with full buckets. So
it comes to Envoy apart from the routes, which change with each key and at each outage: it changes with the limits
alone.
"""

import math
from collections.abc import Iterable

from skyserve.endpoint.translate.keys import METADATA
from skyserve.endpoint.translate.naming import ADS, EXTENSION, FILTER_CONFIG, Json, extension, resource_name
from skyserve.model.endpoint import RateLimit
from skyserve.model.route import RouteTable

MOST_KEYS = 1000
"""Buckets of keys that have the same limit: as many as a service may have keys."""

_OF_KEYS, _OF_SERVICE = "key-rate", "service-rate"
_LIMIT = extension("filters.http.local_ratelimit.v3.LocalRateLimit")
_ALWAYS: Json = {"default_value": {"numerator": 100}}


def rate_filters(service: str) -> list[Json]:
    """They do nothing until routes switch them on. `service`: its resource name."""
    return [_filter(f"{service}.{kind}") for kind in (_OF_KEYS, _OF_SERVICE)]


def rate_filter_names(table: RouteTable) -> tuple[str, str]:
    """How they are called, as the resources that hold their limits are."""
    name = resource_name(table.service_id)
    return f"{name}.{_OF_KEYS}", f"{name}.{_OF_SERVICE}"


def rates_for(table: RouteTable) -> Json:
    """By filter: what the routes of a service switch on."""
    return {limit["name"]: {"@type": FILTER_CONFIG, "config": {}} for limit in rates(table)}


def rates(table: RouteTable) -> list[Json]:
    """The limits, each a resource of its own."""
    of_keys, of_service = rate_filter_names(table)
    limits = {key.requests_per_minute for key in table.keys if key.requests_per_minute is not None}
    told = []
    if limits and table.settings.require_key:
        told.append({"name": of_keys, "typed_config": _by_key(of_keys, limits)})
    if table.settings.rate is not None:
        told.append({"name": of_service, "typed_config": _of_all(of_service, table.settings.rate)})
    return [{"@type": EXTENSION, **resource} for resource in told]


def _filter(name: str) -> Json:
    return {
        "name": name,
        "disabled": True,
        "config_discovery": {
            "config_source": ADS,
            "type_urls": [_LIMIT],
            # Most services have no limits, and would never be ready.
            "default_config": {"@type": _LIMIT, "stat_prefix": name},
            "apply_default_config_without_warming": True,
        },
    }


def _by_key(name: str, limits: Iterable[int]) -> Json:
    """A bucket for each key, made when the key is first used; it holds the requests of one minute, and is filled
    evenly. Of keys no more is told than what limits there are, so that another one changes nothing. Keys without a
    limit match nothing, and pass."""
    found = [
        {"metadata": {"descriptor_key": what, "source": "DYNAMIC", "metadata_key": _found(what)}}
        for what in ("rate", "id")
    ]
    return {
        **_limit(name),
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "rate_limits": [{"actions": found}],
        "max_dynamic_descriptors": MOST_KEYS,
        "descriptors": [
            {"entries": [{"key": "rate", "value": str(limit)}, {"key": "id"}], "token_bucket": _bucket(limit, limit)}
            for limit in sorted(limits)
        ],
    }


def _of_all(name: str, rate: RateLimit) -> Json:
    """One bucket. What it refuses tells by itself when to try again, by which it is known."""
    seconds = math.ceil(1 / rate.per_second)
    return {
        **_limit(name),
        "token_bucket": _bucket(rate.burst, max(1, round(60 * rate.per_second))),
        "response_headers_to_add": [{"header": {"key": "retry-after", "value": str(seconds)}}],
    }


def _limit(name: str) -> Json:
    return {"@type": _LIMIT, "stat_prefix": name, "filter_enabled": _ALWAYS, "filter_enforced": _ALWAYS}


def _bucket(size: int, a_minute: int) -> Json:
    return {"max_tokens": size, "tokens_per_fill": a_minute, "fill_interval": "60s"}


def _found(what: str) -> Json:
    return {"key": METADATA, "path": [{"key": what}]}
