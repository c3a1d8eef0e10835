"""`replica_policy:`, how many replicas there are, and of which kind."""

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from skyserve.model.placement import SpotPlacer
from skyserve.spec.base import AnyCase, Count, Finding, Model, PositiveNumber, PositiveSeconds, Seconds, Text, invalid
from skyserve.spec.schedule import ScheduleWindow
from skyserve.spec.step_limit import StepLimit

_SPOT_ALONE = (SpotPlacer.EVEN_SPREAD, SpotPlacer.ROUND_ROBIN)
"""Placers that know nothing of on-demand machines."""

_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_ACCELERATOR_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]*(:\d+(\.\d+)?)?")


class ReplicaPolicy(Model):
    """A number of replicas, fixed or following the load."""

    min_replicas: Count
    """Fewest replicas. Alone: a fixed number."""
    max_replicas: Count | None = None
    """Most replicas; the same as min_replicas if not written."""
    target_qps_per_replica: PositiveNumber | dict[str, PositiveNumber] | None = None
    """Requests a second that one replica should get; or, by accelerator, what each kind can take."""
    target_concurrency_per_replica: PositiveNumber | None = None
    """Requests that one replica should be answering at a time. Decides where target_qps_per_replica is not given."""
    target_queue_per_replica: PositiveNumber | None = None
    """Requests that one replica should have at this moment, in flight or waiting."""
    target_latency_seconds: PositiveSeconds | None = None
    """Time within which answers should begin. Moves the target of concurrency."""
    latency_percentile: Annotated[PositiveNumber, Field(lt=100)] | None = None
    """Of the answers, in percent, how many should begin within target_latency_seconds; 95 unless written."""
    policy: Text | None = None
    """A function of your own that decides, as module:function."""
    num_overprovision: Count | None = None
    """Replicas kept beyond the target, at all times."""
    upscale_delay_seconds: Seconds = 300
    """How long the load must call for more replicas before they are added."""
    downscale_delay_seconds: Seconds = 1200
    """How long the load must call for fewer replicas before some are removed."""
    upscale_step: StepLimit | None = None
    """The most by which the number rises within a period."""
    downscale_step: StepLimit | None = None
    """The most by which the number falls within a period."""
    schedule: tuple[ScheduleWindow, ...] = ()
    """Hours with more replicas, beside whatever else decides."""
    base_ondemand_fallback_replicas: Count | None = None
    """Of the replicas on spot machines, how many are to be on-demand instead."""
    dynamic_ondemand_fallback: bool | None = None
    """Whether on-demand machines stand in for spot machines that are not ready."""
    spot_placer: Annotated[SpotPlacer, AnyCase] | None = None
    """How spot replicas are spread over places; adaptive unless written."""

    retired: ClassVar = {
        "auto_restart": "Remove it: replicas that fail are always replaced.",
        "qps_upper_threshold": "Write target_qps_per_replica.",
        "qps_lower_threshold": "Write target_qps_per_replica.",
        "autoscaling_decision_interval": "Write upscale_delay_seconds and downscale_delay_seconds.",
        "init_replicas": "Write min_replicas.",
        "autoscaler": "Remove it: the way of scaling follows from the targets that are given.",
        "spot_policy": "Write spot_placer: dynamic_fallback, with dynamic_ondemand_fallback or num_overprovision.",
        "spot_zones": "Write resources.any_of with one infra: for each zone.",
        "spot_mixer": "Write base_ondemand_fallback_replicas or dynamic_ondemand_fallback.",
        "dynamic_on_demand_fallback": "Write dynamic_ondemand_fallback.",
        "base_on_demand_fallback_replicas": "Write base_ondemand_fallback_replicas.",
        "num_extra": "Write num_overprovision.",
        "replicas": "Write min_replicas.",
    }

    @model_validator(mode="after")
    def _consistent(self) -> "ReplicaPolicy":
        if findings := list(self._findings()):
            raise invalid(*findings)
        return self

    def _findings(self) -> Iterator[Finding]:
        if self.max_replicas is not None and self.max_replicas < self.min_replicas:
            remedy = f"Write {self.min_replicas} or more, or lower min_replicas."
            yield Finding(f"is less than min_replicas ({self.min_replicas})", remedy, ("max_replicas",))
        if self.max_replicas == 0 and (self.num_overprovision or self._targets):
            yield Finding("no replica could ever start", "Write 1 or more.", ("max_replicas",))
        if self.dynamic_ondemand_fallback and self.spot_placer in _SPOT_ALONE:
            remedy = "Write adaptive or dynamic_fallback, or remove dynamic_ondemand_fallback."
            yield Finding(f"{self.spot_placer} has no machine stand in for another", remedy, ("spot_placer",))
        yield from self._target_findings()
        yield from self._schedule_findings()
        for name in ("upscale_step", "downscale_step"):
            if getattr(self, name) is not None and self.is_fixed:
                yield Finding("limits a number that is fixed", "Remove it, or write max_replicas.", (name,))

    @property
    def _targets(self) -> list[str]:
        """Keys that say what decides. Latency moves a target of concurrency, so that those two go together."""
        keys = (
            "policy",
            "target_qps_per_replica",
            "target_queue_per_replica",
            "target_concurrency_per_replica",
            "target_latency_seconds",
        )
        return [key for key in keys if getattr(self, key) is not None]

    def _target_findings(self) -> Iterator[Finding]:
        targets = self._targets
        if targets and self.max_replicas is None:
            yield Finding("needs max_replicas, the most that load may bring", "Write max_replicas.", (targets[0],))
        for name in targets[1:] if targets[:1] != ["target_concurrency_per_replica"] else ():
            yield Finding(f"given together with {targets[0]}", "Keep one of them.", (name,))
        if self.policy is not None and not _FUNCTION.fullmatch(self.policy):
            yield Finding(
                "not the name of a function", "Write module:function, such as my_policies:scale.", ("policy",)
            )
        if self.latency_percentile is not None and self.target_latency_seconds is None and self.policy is None:
            remedy = "Write target_latency_seconds too."
            yield Finding("is the percentage of a target that is not written", remedy, ("latency_percentile",))
        for key in self.target_qps_per_replica if isinstance(self.target_qps_per_replica, dict) else ():
            if not _ACCELERATOR_KEY.fullmatch(key):
                where = ("target_qps_per_replica", key)
                yield Finding("not the name of an accelerator", "Write for example A100-80GB, or L4:2 for two.", where)
        if self.target_qps_per_replica == {}:
            yield Finding("is empty", "Write a number, or one for each accelerator.", ("target_qps_per_replica",))

    def _schedule_findings(self) -> Iterator[Finding]:
        for number, window in enumerate(self.schedule):
            if self.max_replicas is None:
                if window.max_replicas is not None:
                    where = ("schedule", number, "max_replicas")
                    yield Finding("raises a max_replicas that is not written", "Write max_replicas outside too.", where)
            elif (window.min_replicas or 0) > max(self.max_replicas, window.max_replicas or 0):
                where = ("schedule", number, "min_replicas")
                yield Finding("is more than max_replicas", "Write max_replicas beside it.", where)

    @property
    def is_fixed(self) -> bool:
        """Whether load changes nothing, at no hour."""
        if any(window.max_replicas is not None for window in self.schedule):
            return False
        return self.max_replicas is None or self.max_replicas == self.min_replicas

    @property
    def by_accelerator(self) -> bool:
        """Whether replicas of different accelerators get different shares."""
        return isinstance(self.target_qps_per_replica, dict)
