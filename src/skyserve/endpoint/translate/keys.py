"""API keys at the endpoint: who may pass, how often, and what is counted of each.

The filters stand in every listener and do nothing until a service's routes switch them on. Their scripts and rules
travel with the routes, so that a key comes and goes without a connection being cut, and costs nothing where none is
required.
"""

from collections.abc import Mapping
from importlib.resources import files

from skyserve.endpoint.translate.naming import KEY_REFUSED, KEY_REQUESTS, KEY_TOKENS, Json, extension, says, struct
from skyserve.model.key import KeyRule
from skyserve.model.route import RouteTable

METADATA = "skyserve.key"
"""Where the scripts write what they found of a request, and what clients cannot forge: id, rate, retry, refused,
tokens."""

KEYS, TOKENS = "skyserve.keys", "skyserve.tokens"
"""The filters."""
_SCRIPTS = files("skyserve.endpoint.translate")
_CHECK = _SCRIPTS.joinpath("keys.lua").read_text()
_COUNT = _SCRIPTS.joinpath("tokens.lua").read_text()
_LUA = extension("filters.http.lua.v3.Lua")
_LUA_OF_ROUTE = extension("filters.http.lua.v3.LuaPerRoute")
LIMITED = "response.code_details == 'local_rate_limited'"
"""A condition: the limit of requests refused it. Its flag is set too late to be asked for."""


def key_filter() -> Json:
    """Is there a key?"""
    return {"name": KEYS, "typed_config": {"@type": _LUA}, "disabled": True}


def token_filter() -> Json:
    """What tokens does the answer tell?"""
    return {"name": TOKENS, "typed_config": {"@type": _LUA}, "disabled": True}


def keys_for(table: RouteTable) -> Json:
    """By filter: what the routes of a service ask for."""
    if not table.settings.require_key:
        return {}
    rules = sorted(table.keys, key=lambda rule: rule.id)
    return {
        KEYS: {"@type": _LUA_OF_ROUTE, "source_code": {"inline_string": _tables(rules) + _CHECK}},
        **({TOKENS: {"@type": _LUA_OF_ROUTE, "source_code": {"inline_string": _COUNT}}} if _counts(rules) else {}),
    }


def _counts(rules: list[KeyRule]) -> bool:
    """Whether somebody has to know the tokens of answers."""
    return any(rule.has_budget for rule in rules)


def _tables(rules: list[KeyRule]) -> str:
    """What the script has to know of the keys, in Lua."""
    return "".join(
        (
            f"local COUNTS = {str(_counts(rules)).lower()}\n",
            _table("IDS", {rule.digest: f'"{rule.id}"' for rule in rules}),
            _table("PRIORITIES", {rule.digest: f'"{rule.priority}"' for rule in rules if rule.priority}),
            _table("EXPIRES", {r.digest: f"{r.expires_at:.3f}" for r in rules if r.expires_at is not None}),
            _table("SPENT", {r.digest: f"{r.spent_until:.3f}" for r in rules if r.spent_until is not None}),
            _table("RATES", {r.digest: str(r.requests_per_minute) for r in rules if r.requests_per_minute}),
        )
    )


def _table(name: str, values: Mapping[str, str]) -> str:
    """By digests, which hold nothing that would have to be quoted."""
    entries = "".join(f'  ["{digest}"] = {value},\n' for digest, value in values.items())
    return f"local {name} = {{\n{entries}}}\n"


def key_counters(service: str) -> list[Json]:
    """Access loggers that count requests, refused ones and tokens by key. `service`: its resource name."""
    refused = {"or_filter": {"filters": [_tells("refused"), says(LIMITED)]}}
    known, one = _tells("id"), {"value_fixed": 1}
    return [
        _counter(service, KEY_REQUESTS, known, one),
        _counter(service, KEY_REFUSED, {"and_filter": {"filters": [known, refused]}}, one),
        _counter(service, KEY_TOKENS, _tells("tokens"), {"value_format": f"%DYNAMIC_METADATA({METADATA}:tokens)%"}),
    ]


def _tells(name: str) -> Json:
    """A condition: the scripts found that."""
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
