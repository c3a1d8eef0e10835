"""Questions about the machine that change nothing: what it has, what runs on it."""

from __future__ import annotations

import os
import sys
from typing import Any

from . import facts as machine_facts
from . import records, scripts, ways
from .records import Node, Record


def facts(root: str, request: dict[str, Any]) -> dict[str, Any]:
    """What the machine has, how port spaces can be made on it, and why not otherwise.

    `ways`, if given, are the only ones considered.
    """
    return {
        **machine_facts.machine(),
        "ways": [
            {"name": way.name, "works": way.works, "detail": way.detail} for way in ways.survey(request.get("ways"))
        ],
        "python": ".".join(map(str, sys.version_info[:3])),
        "root_user": os.geteuid() == 0,
    }


def nodes(root: str, _request: dict[str, Any]) -> dict[str, Any]:
    """Every node on this machine, whoever owns it, with its state and the states of its scripts."""
    return {"nodes": [describe(node, record) for node, record in records.nodes(root)]}


def describe(node: Node, record: Record) -> dict[str, Any]:
    """A record, with what is to be seen of the node now."""
    return {**record, "state": node.state(record), "scripts": scripts.statuses(node, alive=node.alive())}
