"""`upscale_step:` and `downscale_step:`, how far the number of replicas moves at a time."""

from pydantic import model_validator

from skyserve.spec.base import Finding, Model, PositiveCount, PositiveNumber, PositiveSeconds, invalid


class StepLimit(Model):
    """At most so many replicas within any period; where both are written, whichever is more."""

    replicas: PositiveCount | None = None
    """So many replicas."""
    percent: PositiveNumber | None = None
    """So much of the replicas that were wanted when the period began, rounded up."""
    period_seconds: PositiveSeconds = 60
    """The period."""

    @model_validator(mode="after")
    def _consistent(self) -> "StepLimit":
        if self.replicas is None and self.percent is None:
            raise invalid(Finding("limits nothing", "Write replicas, percent or both."))
        return self
