"""The dashboard, the alerts and the examples that users get: each asks for what a controller tells, and no more."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.core import Metric
from promql_parser import AggregateExpr, Expr, VectorSelector, parse, walk

from skyserve.controller.metrics.waits import ENDS
from skyserve.model.replica import Cause
from skyserve.model.view import ReplicaStatus, ServiceStatus
from tests.controller.test_metrics import DOC, told

MONITORING = Path(__file__).parents[2] / "docs" / "monitoring"
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
ALERTS = [
    rule for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
WORDS = {
    "cause": {*Cause},
    "end": {*ENDS},
    "status": {*ReplicaStatus, *ServiceStatus},
    "wait": {"hold", "queue"},
    "budget": {"minute", "day"},
}
"""Values that a label has, where they are known."""


def questions() -> Iterator[tuple[str, str]]:
    """(who asks, what) in PromQL, with a value for what Grafana fills in."""
    for alert in ALERTS:
        yield alert["alert"], alert["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$service", ".+")
    for line in DOC.split("Some questions")[1].split("```")[1].strip().splitlines():
        if not line.startswith("#"):
            yield "docs/metrics.md", line


def asked(expression: str) -> tuple[list[VectorSelector], set[str]]:
    """What an expression selects, and the labels by which it adds up."""
    selectors: list[VectorSelector] = []
    labels: set[str] = set()

    def look(part: Expr) -> bool:
        if isinstance(part, VectorSelector):
            selectors.append(part)
        if isinstance(part, AggregateExpr) and part.modifier is not None:
            labels.update(part.modifier.labels)
        return True

    walk(parse(expression), look)
    return selectors, labels


def labels_by_name() -> dict[str, set[str]]:
    """Of all that is told: the name of a sample, and its labels."""
    families: list[Metric] = [*told().values()]
    samples = [sample for family in families for sample in family.samples]
    return {
        name: {label for s in samples if s.name == name for label in s.labels} for name in {s.name for s in samples}
    }


@pytest.mark.parametrize(("who", "expression"), [*questions()])
def test_every_question_can_be_answered(who: str, expression: str) -> None:
    """The metrics that it names exist, with their labels, and the words of those labels."""
    known = labels_by_name()
    selectors, labels = asked(expression)
    assert selectors, who
    for selector in selectors:
        assert selector.name in known
        for matcher in selector.matchers.matchers:
            assert matcher.name in known[selector.name]
            if matcher.name in WORDS:
                assert {*matcher.value.split("|")} <= WORDS[matcher.name]
    assert labels <= set.union(*(known[selector.name] for selector in selectors if selector.name))


def test_panels_do_not_overlap() -> None:
    """Each has a place of its own, a title and words that say what it shows, and asks the source that was chosen."""
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for at in (panel["gridPos"],)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(places) == len({*places})
    assert max(x for x, _ in places) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["title"] and panel["description"] for panel in PANELS)
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}


def test_alerts_tell_what_to_do() -> None:
    """Each has a name of its own, a severity, and words for whoever is woken by it."""
    assert len({alert["alert"] for alert in ALERTS}) == len(ALERTS)
    for alert in ALERTS:
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
        assert set(alert["annotations"]) == {"summary", "description"}
