"""What two versions of a service have in common, so that an update leaves running what it can.

Each key is a digest of the part of a task that decides something: equal keys, equal part. They are compared, never
shown and never stored, since the part may hold secrets.
"""

import hashlib
import json
from typing import Any

from skyserve.model.rollout import Extent
from skyserve.spec.target import main_port, service_of
from skyserve.spec.task import Task

_MACHINE = {"num_nodes", "volumes", "config"}
"""Keys of a task that decide the machine, beside `resources` and the port."""
_NO_PART = {"service", "name", "resources"}
"""Keys that decide nothing on a machine, or are looked at otherwise."""


Trees = tuple[tuple[str, str], ...]
"""(destination, tree id) of the files that come from this machine."""


def extent_of(old: Task, old_trees: Trees, new: Task, new_trees: Trees) -> Extent:
    """What an update from one to the other touches. Raises SpecError if either is no service."""
    if machine_key(old) != machine_key(new):
        return Extent.MACHINE
    if task_key(old, old_trees) != task_key(new, new_trees):
        return Extent.TASK
    return Extent.NOTHING if old.service == new.service else Extent.SERVICE


def machine_key(task: Task) -> str:
    """Of what decides a replica's machine: its resources, the number of nodes and the port that is reached from
    outside. The order of alternatives that have none does not count. Raises SpecError if the task is no service."""
    return _digest(_machine(task))


def task_key(task: Task, trees: Trees) -> str:
    """Of all that decides what a replica is and runs: its machine, scripts, variables and files, that is everything but
    the name and the service section; of that the replica key, which is a variable too. Of files that come from this
    machine it counts what they hold, not where they lay. Raises SpecError if the task is no service."""
    document = task.model_dump(mode="json", exclude=_NO_PART | _MACHINE)
    if isinstance(task.workdir, str):
        del document["workdir"]
    for destination, _ in trees:
        document["file_mounts"].pop(destination, None)
    key = service_of(task).load_balancer.model_dump(mode="json", include={"replica_key"})
    return _digest([_machine(task), document, sorted(trees), key])


def _machine(task: Task) -> Any:
    options = [option.model_dump(mode="json") for option in task.resources.alternatives]
    ordered = task.resources.is_ordered
    return [
        task.model_dump(mode="json", include=_MACHINE),
        main_port(task),
        ordered,
        options if ordered else sorted(options, key=_text),
    ]


def _digest(part: Any) -> str:
    return hashlib.sha256(_text(part).encode()).hexdigest()


def _text(part: Any) -> str:
    return json.dumps(part, sort_keys=True)
