"""API keys at the endpoint: who may pass, how often, and what is counted of each."""

from skyserve.endpoint.translate.modules import module_filter, module_told
from skyserve.endpoint.translate.naming import KEY_REFUSED, KEY_REQUESTS, KEY_TOKENS, Json, says, struct
from skyserve.model.key import KeyRule
from skyserve.model.route import RouteTable

METADATA = "skyserve.key"
"""Where the filter writes what it found of a request, and what clients cannot forge: id, refused, tokens."""

KEYS, _KIND = "skyserve.keys", "keys"
"""The filter (keys.c)."""
LIMITED = "response.code_details == 'local_rate_limited'"
"""A condition: the limit of requests of the whole service refused it. Its flag is set too late to be asked for."""


def key_filter() -> Json:
    """Is there a key, what is left to it, and what tokens does the answer tell?"""
    return module_filter(KEYS, _KIND)


def keys_for(table: RouteTable) -> Json:
    """By filter: what the routes of a service ask for."""
    return {KEYS: module_told(_KIND, _lines(table))} if table.settings.require_key else {}


def _lines(table: RouteTable) -> str:
    """What has to be known of the keys, as `rules.h` has it."""
    rules = sorted(table.keys, key=lambda rule: rule.id)
    counts = any(rule.has_budget for rule in rules)
    return "".join([f"service {table.service_id} {int(counts)}\n", *map(_line, rules)])


def _line(rule: KeyRule) -> str:
    times = (round(1000 * (time or 0)) for time in (rule.expires_at, rule.spent_until))
    numbers = (rule.id, rule.priority, *times, rule.requests_per_minute or 0)
    return f"key {rule.digest} {' '.join(map(str, numbers))}\n"


def key_counters(service: str) -> list[Json]:
    """Access loggers that count requests, refused ones and tokens by key. `service`: its resource name."""
    refused = {"or_filter": {"filters": [_tells("refused"), _by_limit_of_all()]}}
    known, one = _tells("id"), {"value_fixed": 1}
    return [
        _counter(service, KEY_REQUESTS, known, one),
        _counter(service, KEY_REFUSED, {"and_filter": {"filters": [known, refused]}}, one),
        _counter(service, KEY_TOKENS, _tells("tokens"), {"value_format": f"%DYNAMIC_METADATA({METADATA}:tokens)%"}),
    ]


def _by_limit_of_all() -> Json:
    """The status is asked for first, since an expression costs more."""
    status = {"default_value": 429, "runtime_key": "skyserve.key_refused"}
    refused = {"status_code_filter": {"comparison": {"op": "EQ", "value": status}}}
    return {"and_filter": {"filters": [refused, says(LIMITED)]}}


def _tells(name: str) -> Json:
    """A condition: the filter found that."""
    matcher = {"filter": METADATA, "path": [{"key": name}], "value": {"present_match": True}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": False}}


def _counter(service: str, name: str, condition: Json, value: Json) -> Json:
    tag = {"name": "key", "value_format": f"%DYNAMIC_METADATA({METADATA}:id)%"}
    return {
        "name": "envoy.access_loggers.stats",
        "filter": condition,
        "typed_config": struct(
            "access_loggers.stats.v3.Config",
            {"stats_scope": {"prefix": service}, "counters": [{"stat": {"name": name, "tags": [tag]}, **value}]},
        ),
    }
