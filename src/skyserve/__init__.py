"""SkyServe: serve AI models anywhere. The Python SDK's names are here; see docs/sdk.md.

Each is imported when it is first used: `import skyserve` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skyserve.client import aio as aio
    from skyserve.client.async_client import AsyncClient as AsyncClient
    from skyserve.client.client import Client as Client
    from skyserve.client.load import load_task as load_task
    from skyserve.client.sdk import check as check
    from skyserve.client.sdk import create_key as create_key
    from skyserve.client.sdk import down as down
    from skyserve.client.sdk import history as history
    from skyserve.client.sdk import keys as keys
    from skyserve.client.sdk import logs as logs
    from skyserve.client.sdk import pause as pause
    from skyserve.client.sdk import plan as plan
    from skyserve.client.sdk import resume as resume
    from skyserve.client.sdk import revoke_key as revoke_key
    from skyserve.client.sdk import rollback as rollback
    from skyserve.client.sdk import status as status
    from skyserve.client.sdk import terminate_replica as terminate_replica
    from skyserve.client.sdk import traffic as traffic
    from skyserve.client.sdk import up as up
    from skyserve.client.sdk import update as update
    from skyserve.model.error import ErrorKind as ErrorKind
    from skyserve.model.error import ServeError as ServeError
    from skyserve.model.rollout import UpdateMode as UpdateMode
    from skyserve.model.view import ReplicaStatus as ReplicaStatus
    from skyserve.model.view import ReplicaView as ReplicaView
    from skyserve.model.view import ServiceStatus as ServiceStatus
    from skyserve.model.view import ServiceView as ServiceView
    from skyserve.spec.task import Task as Task

_HOMES = {
    "AsyncClient": "skyserve.client.async_client",
    "Client": "skyserve.client.client",
    "ErrorKind": "skyserve.model.error",
    "ReplicaStatus": "skyserve.model.view",
    "ReplicaView": "skyserve.model.view",
    "ServeError": "skyserve.model.error",
    "ServiceStatus": "skyserve.model.view",
    "ServiceView": "skyserve.model.view",
    "Task": "skyserve.spec.task",
    "UpdateMode": "skyserve.model.rollout",
    "aio": "skyserve.client.aio",
    "check": "skyserve.client.sdk",
    "create_key": "skyserve.client.sdk",
    "down": "skyserve.client.sdk",
    "history": "skyserve.client.sdk",
    "keys": "skyserve.client.sdk",
    "load_task": "skyserve.client.load",
    "logs": "skyserve.client.sdk",
    "pause": "skyserve.client.sdk",
    "plan": "skyserve.client.sdk",
    "resume": "skyserve.client.sdk",
    "revoke_key": "skyserve.client.sdk",
    "rollback": "skyserve.client.sdk",
    "status": "skyserve.client.sdk",
    "terminate_replica": "skyserve.client.sdk",
    "traffic": "skyserve.client.sdk",
    "up": "skyserve.client.sdk",
    "update": "skyserve.client.sdk",
}
"""Public name -> the module that has it; `aio` is a module itself."""

__all__ = [*_HOMES]  # noqa: PLE0604 (the names are the keys above)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'skyserve' has no attribute '{name}'")
    module = import_module(_HOMES[name])
    found = module if name == "aio" else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(_HOMES)
