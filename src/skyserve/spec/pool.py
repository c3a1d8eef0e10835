"""`pool:`, workers for batch jobs instead of a service."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import model_validator

from skyserve.spec.base import Count, Finding, Model, PositiveCount, Seconds, invalid
from skyserve.spec.replica_policy import ReplicaPolicy
from skyserve.spec.service import Service

_SERVICE_KEY = "It belongs to a service; a pool takes workers, or max_workers."


class Pool(Model):
    """A number of workers, fixed or following the queue."""

    workers: Count | None = None
    """A fixed number of workers."""
    min_workers: Count | None = None
    """Fewest workers."""
    max_workers: Count | None = None
    """Most workers."""
    queue_length_threshold: PositiveCount | None = None
    """Waiting jobs above which a worker is added; 1 if max_workers is given."""
    upscale_delay_seconds: Seconds | None = None
    """How long the queue must be long before a worker is added."""
    downscale_delay_seconds: Seconds | None = None
    """How long the queue must be short before a worker is removed."""

    retired: ClassVar = dict.fromkeys((*Service.model_fields, *ReplicaPolicy.model_fields), _SERVICE_KEY)

    @model_validator(mode="after")
    def _consistent(self) -> "Pool":
        if findings := list(self._findings()):
            raise invalid(*findings)
        return self

    def _findings(self) -> Iterator[Finding]:
        if self.workers is None and self.max_workers is None:
            yield Finding("says nothing of how many workers there are", "Write workers, or max_workers.")
        if self.workers is not None and self.max_workers is not None:
            yield Finding("given together with max_workers", "Keep one of them.", ("workers",))
        for name in ("min_workers", "queue_length_threshold", "upscale_delay_seconds", "downscale_delay_seconds"):
            if getattr(self, name) is not None and self.max_workers is None:
                yield Finding("needs max_workers", "Write max_workers, or remove it.", (name,))
        if self.max_workers is not None and (self.min_workers or 0) > self.max_workers:
            yield Finding(f"is less than min_workers ({self.min_workers})", "Raise it.", ("max_workers",))
