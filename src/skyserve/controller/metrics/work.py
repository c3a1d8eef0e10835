"""What the controller has done since it began."""

from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily

from skyserve.controller.tallies import Tallies


def work_metrics(tallies: Tallies) -> list[Metric]:
    """By service."""
    moves = CounterMetricFamily(
        "skyserve_replica_moves",
        "Changes of a replica's phase by cause, such as launch, probe_passed, run_failed, preempted.",
        labels=["service", "cause"],
    )
    for (service, cause), count in sorted(tallies.moves.items()):
        moves.add_metric([service, cause], count)
    passes = SummaryMetricFamily(
        "skyserve_pass_seconds", "Time that passes of a service's control loop took.", labels=["service"]
    )
    for service, count in sorted(tallies.passes.items()):
        passes.add_metric([service], count, tallies.pass_seconds[service])
    errors = CounterMetricFamily(
        "skyserve_controller_errors", "Control loops that failed unexpectedly and were begun again."
    )
    errors.add_metric([], tallies.errors)
    return [moves, passes, errors]
