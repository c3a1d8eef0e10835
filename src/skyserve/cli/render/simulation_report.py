"""The page that `sky serve simulate --report` writes: one file, with its plots in it."""

import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skyserve.model.error import ErrorKind, ServeError

if TYPE_CHECKING:
    from skyserve.sim.planned.comparing import Compared
    from skyserve.sim.planned.outcome import Outcome
    from skyserve.sim.planned.series import Step

_PANELS: tuple[tuple[str, "Callable[[Step], float | None]"], ...] = (
    ("Cost so far, USD", lambda step: step.usd),
    ("Ready replicas", lambda step: step.ready),
    ("Requests waiting", lambda step: step.waiting),
    ("Time to the first byte, 95th percentile, s", lambda step: step.first_byte_p95),
)
_ROWS: tuple[tuple[str, "Callable[[Outcome], str]"], ...] = (
    ("Cost, USD", lambda o: f"{o.usd:.2f}"),
    ("Replica-hours", lambda o: f"{o.replica_hours:.1f}"),
    ("On spot machines", lambda o: f"{o.spot_share:.0%}"),
    ("Time with as many ready as wanted", lambda o: f"{o.availability:.2%}"),
    ("Time with none ready", lambda o: f"{o.none_ready:.2%}"),
    ("Requests", lambda o: f"{o.requests:,}"),
    ("First byte in time", lambda o: f"{o.within_slo:.2%}"),
    ("First byte, median / 95 %, s", lambda o: f"{o.first_byte_p50:.2f} / {o.first_byte_p95:.2f}"),
    ("Whole answer, median / 95 %, s", lambda o: f"{o.answer_p50:.2f} / {o.answer_p95:.2f}"),
    ("Waiting on average, s", lambda o: f"{o.waited_mean:.2f}"),
    ("Refused at first, answered later", lambda o: f"{o.held:,}"),
    ("Refused", lambda o: f"{o.refused:,}"),
    ("Cut by a lost machine", lambda o: f"{o.cut:,}"),
    ("Preemptions", lambda o: f"{o.preemptions:,}"),
    ("Launches / without room", lambda o: f"{o.launches:,} / {o.no_room:,}"),
)
_STYLE = """body { font: 15px/1.5 system-ui, sans-serif; color: #222 }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
svg { max-width: 100%; height: auto }
div { overflow-x: auto }"""


def write_report(path: Path, subject: str, compared: "Sequence[Compared]") -> None:
    """Write the page about `subject`. Raises ServeError where plots cannot be made, or the file not be written."""
    page = _page(subject, compared, _plots(compared))
    try:
        path.write_text(page)
    except OSError as error:
        reason = f"{path}: the report cannot be written: {error.strerror}"
        raise ServeError(
            ErrorKind.INVALID_REQUEST, reason, "Name a file in a directory that you may write to."
        ) from None


def _page(subject: str, compared: "Sequence[Compared]", plots: str) -> str:
    names = "".join(f"<th>{escape(run.outcome.policy)}</th>" for run in compared)
    rows = "".join(
        f"<tr><td>{escape(label)}</td>{''.join(f'<td>{escape(told(run.outcome))}</td>' for run in compared)}</tr>\n"
        for label, told in _ROWS
    )
    title = f"Simulation of {escape(subject)}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n<div><table><tr><th></th>{names}</tr>\n{rows}</table></div>\n{plots}\n</body></html>\n"
    )


def _plots(compared: "Sequence[Compared]") -> str:
    """All panels as one SVG, under one axis of time."""
    figure = _figure()
    figure.set_size_inches(10, 3 * len(_PANELS))
    axes = figure.subplots(len(_PANELS), 1, sharex=True)
    for axis, (label, value) in zip(axes, _PANELS, strict=True):
        for run in compared:
            axis.step(
                [s.hour for s in run.series], [value(s) for s in run.series], where="post", label=run.outcome.policy
            )
        axis.set_title(label, loc="left", fontsize=11)
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=9)
    axes[-1].set_xlabel("hours")
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return "<svg" + drawn.getvalue().partition("<svg")[2]


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ServeError(
            ErrorKind.UNAVAILABLE,
            "The plots of a report need matplotlib, which is not installed.",
            "Install it: pip install 'skyserve[report]'",
        ) from None
    return Figure(layout="constrained")
