"""`sky serve simulate`: policies side by side, and the number of replicas over time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from skyserve.cli.render.table import table

if TYPE_CHECKING:
    from skyserve.sim.planned.comparing import Compared
    from skyserve.sim.planned.outcome import Outcome
    from skyserve.sim.planned.world import World

_LEVELS = " ▁▂▃▄▅▆▇█"
WIDTH = 60
"""Characters of a line over time."""


def simulation_text(compared: "Sequence[Compared]", world: "World", slo_seconds: float) -> str:
    """The whole answer for a terminal."""
    first = compared[0].outcome
    highest = max((step.ready for run in compared for step in run.series), default=0.0)
    heading = (
        f"Simulated {world.hours:g} hours, {first.requests:,} requests of "
        f"{world.engine.mean(world.requests):.2f} s, {len(world.zones.capacity)} zones"
    )
    lines = [
        [run.outcome.policy, _line([step.ready for step in run.series], highest), f"{_least_most(run)}"]
        for run in compared
    ]
    return "\n".join(
        [
            heading,
            "",
            table(_columns(slo_seconds), [_row(run.outcome) for run in compared]),
            "",
            table(["POLICY", "READY REPLICAS OVER TIME".ljust(WIDTH), "LEAST-MOST"], lines),
        ]
    )


def _columns(slo_seconds: float) -> list[str]:
    return [
        "POLICY",
        "COST ($)",
        "REPLICA-HOURS",
        "SPOT",
        "AVAILABLE",
        "NONE",
        f"IN {slo_seconds:g} s",
        "FIRST BYTE p50/p95",
        "ANSWER p50/p95",
        "WAIT",
        "HELD",
        "REFUSED",
        "CUT",
        "PREEMPTED",
    ]


def _row(outcome: "Outcome") -> list[str]:
    return [
        click.style(outcome.policy, bold=True),
        f"{outcome.usd:.2f}",
        f"{outcome.replica_hours:.1f}",
        f"{outcome.spot_share:.0%}",
        f"{outcome.availability:.2%}",
        f"{outcome.none_ready:.2%}",
        f"{outcome.within_slo:.2%}",
        f"{_seconds(outcome.first_byte_p50)} / {_seconds(outcome.first_byte_p95)}",
        f"{_seconds(outcome.answer_p50)} / {_seconds(outcome.answer_p95)}",
        _seconds(outcome.waited_mean),
        f"{outcome.held}",
        f"{outcome.refused}",
        f"{outcome.cut}",
        f"{outcome.preemptions}",
    ]


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def _least_most(run: "Compared") -> str:
    """Without the steps of the first start, in which there is none anywhere."""
    ready = [step.ready for step in run.series[len(run.series) // WIDTH :]]
    return f"{min(ready):.0f}-{max(ready):.0f}"


def _line(values: Sequence[float], highest: float) -> str:
    """Bars of a character each; of the values that fall together the mean."""
    groups = [values[len(values) * n // WIDTH : len(values) * (n + 1) // WIDTH] for n in range(WIDTH)]
    means = [sum(group) / len(group) if group else 0.0 for group in groups]
    return "".join(_LEVELS[round(mean / highest * (len(_LEVELS) - 1))] if highest else " " for mean in means)
