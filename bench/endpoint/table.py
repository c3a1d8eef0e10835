"""Samples as a table in Markdown."""

from collections.abc import Mapping
from math import isnan

from bench.endpoint.comparisons import Comparison
from bench.endpoint.deaths import Felt, Trials
from bench.endpoint.sample import Sample

OURS = "ours"


def of(comparison: Comparison, samples: Mapping[str, Sample]) -> str:
    """One comparison. The share of CPU is the other's over ours, so that more than 1 means that ours needs less."""
    each = comparison.each
    heads = ("", f"{each}s/s", f"CPU µs/{each}", "CPU beside ours", "p50 ms", "p99 ms", "errors")
    ours = samples[OURS].cpu_us if OURS in samples else float("nan")
    lines = [f"**{comparison.title}**", "", _row(heads), _row(("---", *["---:"] * (len(heads) - 1)))]
    for name, sample in samples.items():
        cells = (
            name,
            f"{sample.per_second:,.0f}",
            _number(sample.cpu_us, 1),
            _number(sample.cpu_us / ours, 2),
            _number(sample.p50_ms, 2),
            _number(sample.p99_ms, 2),
            f"{sample.errors:.0f}",
        )
        lines.append(_row(cells))
    return "\n".join([*lines, ""])


def of_deaths(trials: Mapping[str, Trials]) -> str:
    """What clients felt, of all proxies."""
    heads = (
        "",
        "a replica killed: failed",
        "longest ms",
        "one killed and one added each second: failed",
        "longest ms",
        "a change reaches traffic after ms",
    )
    lines = ["**Replicas that come and go**", "", _row(heads), _row(("---", *["---:"] * (len(heads) - 1)))]
    for name, trial in trials.items():
        change = "" if trial.change_ms is None else f"{trial.change_ms:,.0f}"
        lines.append(_row((name, *_felt(trial.dead), *_felt(trial.churn), change)))
    return "\n".join([*lines, ""])


def _felt(felt: Felt | None) -> tuple[str, str]:
    return (f"{felt.failed} of {felt.requests}", f"{felt.longest_ms:,.0f}") if felt else ("", "")


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float, digits: int) -> str:
    return "" if isnan(value) else f"{value:,.{digits}f}"
