"""What API keys were used for, as `sky serve keys list` shows it."""

from collections.abc import Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, Metric

from skyserve.model.view import KeyView


def key_metrics(keys: Mapping[str, Sequence[KeyView]]) -> list[Metric]:
    """By name of the service."""
    labels = ["service", "key"]
    requests = CounterMetricFamily(
        "skyserve_key_requests",
        "Requests with an API key, by the key's name; those too that a limit refused.",
        labels=labels,
    )
    tokens = CounterMetricFamily(
        "skyserve_key_tokens",
        "Tokens that answers to requests with an API key said were used, by the key's name.",
        labels=labels,
    )
    for service, views in keys.items():
        for view in views:
            requests.add_metric([service, view.name], view.requests)
            tokens.add_metric([service, view.name], view.tokens)
    return [requests, tokens]
