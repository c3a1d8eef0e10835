"""Whose scripts a node runs: each label that it was given ends what ran under the one before.

The labels are kept in their order, so that a caller who was overtaken, and whose call comes late, changes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from . import control, records
from .records import Node
from .refusal import Refusal

KILL_SECONDS = 10
"""Longest time that the kernel gets to let go of processes that were killed."""


def renew(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """Have the keeper of `node` end what runs under another label than `label`, `grace` seconds after SIGTERM by
    SIGKILL. Raises Gone if another label has followed it, Transient while files are brought."""
    node = Node(root, request["node"])
    node.record()
    operation = {"op": "renew", "label": request["label"], "grace": request["grace"]}
    with node.files(patient=False):
        return control.ask(node, operation, patience=request["grace"] + 2 * KILL_SECONDS)


def is_due(node: Node, label: str) -> bool:
    """Whether what runs has to end for this label. Raises Gone if another label has followed it."""
    admit(node, label)
    given = _given(node)
    return bool(given) and given[-1] != label


def admit(node: Node, label: str | None) -> None:
    """Raises Gone if another label has followed this one. None, who names no label, is never overtaken."""
    if label in _given(node)[:-1]:
        raise Refusal("Gone", f"what node {node.name} was to run was replaced meanwhile")


def begin(node: Node, label: str) -> None:
    """Forget the scripts of the label before, none of which runs any more, and take down the new label."""
    given = _given(node)
    if given[-1:] == [label]:
        return
    for name in os.listdir(node.file("scripts")) if given else ():
        shutil.rmtree(node.file("scripts", name))
    records.write_private(node.file("labels.json"), json.dumps([*given, label]))


def _given(node: Node) -> list[str]:
    return records.read_json(node.file("labels.json")) or []
