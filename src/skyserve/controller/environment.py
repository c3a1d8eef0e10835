"""The environment that setup and run see: SkyServe's variables, and those that users wished for."""

import json
import math
from collections.abc import Mapping

from skyserve.model.instance import Instance
from skyserve.model.replica import Replica
from skyserve.model.service import Service, Target
from skyserve.spec.task import Task


def setup_environment(
    service: Service, replica: Replica, target: Target, instance: Instance, rank: int, user: str
) -> dict[str, str]:
    """Variables of `setup` on one node, without the user's own."""
    return {
        "SKYPILOT_SETUP_NODE_RANK": str(rank),
        "SKYPILOT_SETUP_NODE_IPS": _ips(instance),
        "SKYPILOT_SETUP_NUM_GPUS_PER_NODE": _gpus(replica),
        **_both(service, replica, target, instance, user),
    }


def run_environment(
    service: Service, replica: Replica, target: Target, instance: Instance, rank: int, user: str
) -> dict[str, str]:
    """Variables of `run` on one node, without the user's own."""
    return {
        "SKYPILOT_NODE_RANK": str(rank),
        "SKYPILOT_NODE_IPS": _ips(instance),
        "SKYPILOT_NUM_GPUS_PER_NODE": _gpus(replica),
        "SKYPILOT_INTERNAL_JOB_ID": "1",
        "PYTHONUNBUFFERED": "1",
        **_both(service, replica, target, instance, user),
    }


def user_variables(task: Task) -> dict[str, str]:
    """The user's own envs and secrets; they win over SkyServe's variables of the same name."""
    return {**task.envs, **{name: secret.get_secret_value() for name, secret in task.secrets.items()}}


def _both(service: Service, replica: Replica, target: Target, instance: Instance, user: str) -> Mapping[str, str]:
    key = target.endpoint.replica_key
    cluster = f"{service.name}-{replica.id}"
    place = replica.offer.place
    info = {"cluster_name": cluster, "cloud": place.infra, "region": place.region or None, "zone": place.zone or None}
    return {
        "SKYPILOT_NUM_NODES": str(len(instance.nodes)),
        "SKYPILOT_TASK_ID": f"sky-{int(replica.created_at)}_{cluster}_1",
        "SKYPILOT_CLUSTER_INFO": json.dumps(info),
        "SKYPILOT_USER": user,
        "SKYPILOT_SERVE_REPLICA_ID": str(replica.id),
        "SKYPILOT_SERVICE_NAME": service.name,
        "SKYPILOT_SERVICE_VERSION": str(replica.version),
        "SKYPILOT_SERVICE_PORT": str(target.port),
        **({"SKYPILOT_SERVE_REPLICA_KEY": key.key} if key else {}),
    }


def _ips(instance: Instance) -> str:
    return "\n".join(node.ip for node in sorted(instance.nodes, key=lambda n: n.rank))


def _gpus(replica: Replica) -> str:
    """A fractional count is rounded up, as SkyServe does."""
    accelerators = replica.offer.request.accelerators or replica.offer.accelerators
    return str(math.ceil(accelerators.count)) if accelerators else "0"
