"""The task: everything that one service YAML says."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from skyserve.spec.base import Model, PositiveCount, Secret, Text, invalid
from skyserve.spec.pool import Pool
from skyserve.spec.resources import Resources
from skyserve.spec.service import Service
from skyserve.spec.storage import ManagedSecretField, MountSource, Workdir
from skyserve.spec.task_config import TaskConfig
from skyserve.spec.task_rules import findings

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""

_OWN_RECORD = "Remove it: it is a record that SkyPilot keeps for itself."


def _as_is(value: Any) -> Any:
    return value


_Written = Annotated[
    dict[VariableName, str | float | bool | None], Field(json_schema_extra={"additionalProperties": False})
]

Variables = Annotated[dict[VariableName, str], BeforeValidator(_as_is, json_schema_input_type=_Written)]
"""`envs:`; what editors accept is what may be written, while here each has its value."""

Secrets = Annotated[dict[VariableName, Secret], BeforeValidator(_as_is, json_schema_input_type=_Written | list[str])]
"""`secrets:`, likewise; a list names managed secrets."""


class Task(Model):
    """A service YAML, resolved: variables have their values, and every form is one form."""

    name: Text | None = None
    """Name of the task; `sky serve up -n` gives the service's."""
    workdir: Workdir | None = None
    """Directory whose content every replica gets, and where setup and run start; or a git repository."""
    num_nodes: PositiveCount = 1
    """Machines of one replica. The first one is sent the requests."""
    resources: Resources = Resources()
    """What a replica needs."""
    file_mounts: dict[str, MountSource] = Field(default={})
    """Path on the replica -> path on this machine, address of a bucket, or a bucket's mapping."""
    volumes: dict[str, Text | dict[str, Any]] = Field(default={})
    """Path on the replica -> volume."""
    setup: Text | None = None
    """Script that prepares a machine, run before `run` on every node."""
    run: Text | None = None
    """Script that serves, run on every node."""
    envs: Variables = Field(default={})
    """Environment variables. Empty: to be given by `--env`."""
    secrets: Secrets = Field(default={})
    """Environment variables whose values are never shown. Empty: to be given by `--secret`."""
    managed_secrets: tuple[ManagedSecretField, ...] = ()
    """Secrets that a server keeps."""
    config: TaskConfig | None = None
    """Settings of clouds, for this task."""
    service: Service | None = None
    """What makes the task a service."""
    pool: Pool | None = None
    """Workers for batch jobs instead of a service."""
    event_callback: Text | None = None
    """Script that is called when a job's status changes."""
    inputs: dict[str, Any] | None = None
    """Expected size of what the task reads."""
    outputs: dict[str, Any] | None = None
    """Expected size of what the task writes."""
    api_server_access: bool | None = None
    """Whether the task may call SkyPilot's API server."""

    retired: ClassVar = {
        **dict.fromkeys(("_metadata", "_user_specified_yaml", "file_mounts_mapping", "volume_mounts"), _OWN_RECORD),
        "auto_restart": Service.retired["auto_restart"],
        "controller_resources": Service.retired["controller_resources"],
        "port": "Write resources.ports.",
        "ports": "Write resources.ports.",
        "env": "Write envs.",
        "storage_mounts": "Write file_mounts.",
    }

    @model_validator(mode="after")
    def _consistent(self) -> "Task":
        if found := list(findings(self)):
            raise invalid(*found)
        return self
