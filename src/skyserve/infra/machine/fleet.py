"""Several machines at once: who answers, and where a node is."""

import asyncio
from collections.abc import Sequence

from skyserve.contracts.errors import Gone, InfraError, Transient, Unauthorized
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
            if isinstance(answer, Transient | Unauthorized):
                errors[machine.host] = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.extend(answer)
        return found, errors

    async def nodes_of(self, instance: Instance) -> list[NodeRecord]:
        """The nodes of an instance that are left, by rank.

        Raises Transient if a machine that may hold one does not answer, Gone if none is left.
        """
        home = self.machines.get(instance.place.zone)
        if home is not None and len(instance.nodes) == 1:
            listed = list(await home.nodes())
        else:
            listed, errors = await self.survey()
            if errors:
                raise next(iter(errors.values()))
        nodes = sorted((node for node in listed if node.instance == instance.id), key=lambda node: node.rank)
        if not nodes:
            raise Gone(f"instance {instance.id} exists no more at {instance.place}")
        return nodes

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
