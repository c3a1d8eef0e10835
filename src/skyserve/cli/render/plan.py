"""`sky serve plan`: what the controller would do now, and why."""

import click

from skyserve.cli.render.services import heading
from skyserve.cli.render.table import table
from skyserve.model.view import PlanView


def plan_report(plan: PlanView) -> str:
    """Actions with reasons, then where requests go."""
    if plan.actions:
        rows = [[click.style(a.action, bold=True), a.subject, a.reason] for a in plan.actions]
        actions = table(["ACTION", "SUBJECT", "REASON"], rows)
    else:
        actions = "Nothing to do."
    lines = [heading(f"Plan for service '{plan.service}'"), actions, "", heading("Routes")]
    lines += plan.routes or ["No replica gets requests."]
    if plan.wake_in_seconds is not None:
        lines += ["", f"The controller looks again in {plan.wake_in_seconds:.1f} s at the latest."]
    return "\n".join(lines)
