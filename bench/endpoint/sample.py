"""What one proxy did under one load."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Sample:
    """NaN where a load tells nothing of it."""

    per_second: float
    """Requests, or chunks of streams."""
    cpu_us: float
    """Microseconds of the proxy's CPU, each."""
    p50_ms: float
    p99_ms: float
    errors: float
    """Requests that were not answered by 200."""


def median(samples: Sequence[Sample]) -> Sample:
    """Of each figure alone; of errors the sum, since none may be hidden."""
    columns = {f.name: [getattr(sample, f.name) for sample in samples] for f in fields(Sample)}
    return Sample(**{n: sum(v) if n == "errors" else statistics.median(v) for n, v in columns.items()})


def percentile(values: Sequence[float], share: float) -> float:
    """NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
