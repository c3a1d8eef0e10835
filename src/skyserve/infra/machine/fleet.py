"""Several machines at once: who answers, and where a node is."""

import asyncio
from collections.abc import Sequence

from skyserve.contracts.errors import Gone, InfraError
from skyserve.infra.machine.machine import Machine, NodeRecord
from skyserve.model.instance import Instance


class Fleet:
    """The machines of one infra."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = {machine.host: machine for machine in machines}

    async def survey(self) -> tuple[list[NodeRecord], dict[str, InfraError]]:
        """All nodes on the machines that answer, and the errors of those that do not, by host."""
        machines = list(self.machines.values())
        answers = await asyncio.gather(*(machine.nodes() for machine in machines), return_exceptions=True)
        found: list[NodeRecord] = []
        errors: dict[str, InfraError] = {}
        for machine, answer in zip(machines, answers, strict=True):
            if isinstance(answer, InfraError):
                errors[machine.host] = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.extend(answer)
        return found, errors

    async def nodes_of(self, instance: Instance) -> tuple[list[NodeRecord], InfraError | None]:
        """The nodes of an instance that are found, by rank, and the error of a machine that may hold another.

        Raises Gone if none is left, and that error if none is found.
        """
        errors: dict[str, InfraError] = {}
        nodes = await self._at_home(instance)
        if nodes is None:
            listed, errors = await self.survey()
            nodes = sorted((node for node in listed if node.instance == instance.id), key=lambda node: node.rank)
        if not nodes and not errors:
            raise Gone(f"instance {instance.id} exists no more at {instance.place}")
        if not nodes:
            raise next(iter(errors.values()))
        return nodes, next((errors[host] for host in nodes[0].hosts if host in errors), None)

    async def _at_home(self, instance: Instance) -> list[NodeRecord] | None:
        """The one node of an instance that has but one; None if others may be elsewhere."""
        home = self.machines.get(instance.place.zone)
        if home is None or [node.rank for node in instance.nodes] != [0]:
            return None
        found = [node for node in await home.nodes() if node.instance == instance.id]
        # Of several nodes, the one that was seen may be the only one whose machine answered.
        return found if all(node.num_nodes == 1 for node in found) else None

    async def locate(self, instance: Instance, rank: int) -> tuple[Machine, NodeRecord]:
        """One node and its machine. Raises Gone, or as Transport.call does."""
        home = self.machines.get(instance.place.zone)
        if home is not None and rank == 0:
            listed = list(await home.nodes())
            errors: dict[str, InfraError] = {}
        else:
            listed, errors = await self.survey()
        for node in listed:
            if node.instance == instance.id and node.rank == rank:
                return self.machines[node.host], node
        if errors:
            raise next(iter(errors.values()))
        raise Gone(f"node {rank} of instance {instance.id} exists no more at {instance.place}")
