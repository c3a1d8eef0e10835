"""`sky check`: which infras can be used."""

from collections.abc import Sequence

import click

from skyserve.contracts.infra import CheckResult


def checks_report(results: Sequence[CheckResult], *, verbose: bool = False) -> str:
    """A line an infra, with what was found beneath it where `verbose`."""
    if not results:
        return "No infra is configured."
    return "\n".join(line for result in results for line in _lines(result, verbose))


def _lines(result: CheckResult, verbose: bool) -> list[str]:
    word = click.style("enabled", fg="green") if result.enabled else click.style("disabled", fg="red")
    details = [f"    {detail}" for detail in result.details] if verbose else []
    return [f"  {click.style(result.infra, bold=True)}: {word}. {result.reason}", *details]


def enabled_line(results: Sequence[CheckResult]) -> str:
    """One line with the names of those that can be used."""
    return "Enabled Infra: " + (", ".join(result.infra for result in results if result.enabled) or "none")
