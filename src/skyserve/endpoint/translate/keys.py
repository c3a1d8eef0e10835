"""API keys at the endpoint: who may pass, how often, and what is counted of each."""

from skyserve.endpoint.translate.modules import module_filter, module_told
from skyserve.endpoint.translate.naming import Json
from skyserve.model.key import KeyRule
from skyserve.model.route import RouteTable

METADATA = "skyserve.key"
"""Where the filter writes why it refused a request (`refused`), which clients cannot forge."""

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
