"""Settings of the user, ~/.sky/config.yaml: SkyPilot's file. We heed what concerns serving, and say what we do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from skyserve.model.endpoint import FIRST_PORT
from skyserve.model.tracing import Tracing
from skyserve.spec.autostop import Autostop, autostop_mapping
from skyserve.spec.base import Model
from skyserve.spec.errors import Problem, SpecError
from skyserve.spec.refusals import problems_of
from skyserve.spec.source import Path, Source, read

OTLP_PORT = 4317
"""Of collectors, for gRPC."""
DEFAULT_IDLE_MINUTES = 10
"""How long SkyServe's controller waits, by default, after the last service is gone."""

_HEEDED = ("autostop", "endpoint_port", "metrics_port", "traces")
"""Keys of `serve.controller:` that have an effect."""
_ELSEWHERE = frozenset(
    {
        "active_workspace",
        "admin_policy",
        "allowed_clouds",
        "api_server",
        "aws",
        "azure",
        "cudo",
        "daemons",
        "dashboard",
        "data",
        "db",
        "docker",
        "fluidstack",
        "gcp",
        "hyperbolic",
        "jobs",
        "kubernetes",
        "lambda",
        "logs",
        "mithril",
        "nebius",
        "nvidia_gpus",
        "oci",
        "primeintellect",
        "provision",
        "rbac",
        "runpod",
        "seeweb",
        "shadeform",
        "slurm",
        "ssh",
        "vast",
        "verda",
        "vsphere",
        "workspaces",
        "yotta",
    }
)
"""Sections of SkyPilot's file that have no effect here yet."""


def _mapping_unless_false(value: Any) -> Any:
    return value if value is False else autostop_mapping(value)


@dataclass(frozen=True)
class Config:
    """What the file says."""

    idle_seconds: float | None = DEFAULT_IDLE_MINUTES * 60
    """The controller ends after so long without any service; None: never."""
    traces: Tracing | None = None
    """Where the endpoint sends traces of requests; None: it makes none."""
    metrics_port: int | None = None
    """Port of the loopback interface on which Prometheus may read the metrics; None: on the API's socket alone."""
    endpoint_port: int = FIRST_PORT
    """Port of the first service; each other has the next one that is free."""
    unused: tuple[Problem, ...] = ()
    """Settings that are SkyPilot's and have no effect here: to be shown as warnings."""


class TracesConfig(Model):
    """`serve.controller.traces:`."""

    endpoint: str
    """Where an OTLP collector listens for gRPC, without TLS: `http://127.0.0.1:4317`."""
    ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the traces that begin at the endpoint."""

    @field_validator("endpoint")
    @classmethod
    def _is_a_collector(cls, value: str) -> str:
        parts = urlsplit(value)
        strange = parts.path.strip("/") or parts.query or parts.username or parts.port == 0
        if parts.scheme != "http" or not parts.hostname or strange:
            raise ValueError("write http://HOST:PORT, of a collector that takes OTLP over gRPC without TLS")
        return value

    @property
    def tracing(self) -> Tracing:
        """For the endpoint."""
        parts = urlsplit(self.endpoint)
        return Tracing(parts.hostname or "", parts.port or OTLP_PORT, self.ratio)


class ControllerConfig(Model):
    """`serve.controller:`."""

    autostop: Annotated[Autostop | bool, BeforeValidator(_mapping_unless_false)] = Autostop()
    """When the controller ends itself; false: never."""
    traces: TracesConfig | None = None
    """OpenTelemetry's traces of requests."""
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Where Prometheus may read the controller's metrics, on this machine."""
    endpoint_port: Annotated[int, Field(ge=1, le=65535)] = FIRST_PORT
    """Where the ports of services begin. Those that exist keep theirs."""
    resources: Any = None
    high_availability: Any = None
    consolidation_mode: Any = None
    controller_logs_gc_retention_hours: Any = None
    task_logs_gc_retention_hours: Any = None


class ServeConfig(Model):
    """`serve:`."""

    controller: ControllerConfig = ControllerConfig()
    """Settings of the controller."""
    bucket: Any = None
    force_disable_cloud_bucket: Any = None


class ConfigFile(Model):
    """The whole file."""

    serve: ServeConfig = ServeConfig()
    """Settings of serving."""
    retired: ClassVar = {"controller": "Write it under serve."}


def parse_config(text: str | bytes, *, filename: str) -> Config:
    """The settings in the text, which may be empty. Raises SpecError."""
    source = read(text, filename, may_be_empty=True)
    ours = {key: value for key, value in source.data.items() if key not in _ELSEWHERE}
    try:
        serve = ConfigFile.model_validate(ours).serve
    except ValidationError as error:
        raise SpecError(problems_of(error, ConfigFile, source)) from None
    unused = tuple(source.problem(path, "has no effect here") for path in _unused(source, serve))
    controller = serve.controller
    traces = controller.traces.tracing if controller.traces else None
    return Config(_idle_seconds(controller.autostop), traces, controller.metrics_port, controller.endpoint_port, unused)


def _idle_seconds(autostop: Autostop | bool) -> float | None:
    if not isinstance(autostop, Autostop):
        return None
    return 60 * (DEFAULT_IDLE_MINUTES if autostop.idle_minutes is None else autostop.idle_minutes)


def _unused(source: Source, serve: ServeConfig) -> Iterator[Path]:
    yield from ((key,) for key in source.data if key in _ELSEWHERE)
    yield from (("serve", key) for key in ("bucket", "force_disable_cloud_bucket") if getattr(serve, key) is not None)
    for key in ControllerConfig.model_fields:
        if key not in _HEEDED and getattr(serve.controller, key) is not None:
            yield ("serve", "controller", key)
    if isinstance(serve.controller.autostop, Autostop):
        set_keys = serve.controller.autostop.model_dump(exclude_defaults=True)
        yield from (("serve", "controller", "autostop", key) for key in set_keys if key != "idle_minutes")
