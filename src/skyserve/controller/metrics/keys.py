"""What API keys were used for, as `sky serve keys list` shows it."""

from collections.abc import Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from skyserve.controller.metrics.families import plain
from skyserve.model.view import KeyView

_COUNTERS = {
    "skyserve_key_requests": ("requests", "Requests with an API key, those too that were refused."),
    "skyserve_key_refused": ("refused", "Of those, how many a limit of the key refused, or that it had expired."),
    "skyserve_key_tokens": ("tokens", "Tokens that answers to requests with an API key said were used."),
}
"""Name -> the field of KeyView, and its meaning."""
_BUDGETS = {"minute": "minute_tokens_left", "day": "day_tokens_left"}
"""What a budget is of -> the field likewise."""


def key_metrics(keys: Mapping[str, Sequence[KeyView]]) -> list[Metric]:
    """Keys by name of their service; each is called by its own name."""
    rows = [([service, view.name], view) for service, views in keys.items() for view in views]
    labels = ["service", "key"]
    left = GaugeMetricFamily(
        "skyserve_key_tokens_left", "What is left of an API key's budget of tokens.", labels=[*labels, "budget"]
    )
    for words, view in rows:
        for budget, field in _BUDGETS.items():
            if (tokens := getattr(view, field)) is not None:
                left.add_metric([*words, budget], tokens)
    return [*plain(CounterMetricFamily, _COUNTERS, labels, rows), left]
