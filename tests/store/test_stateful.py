"""Any sequence of operations and restarts leaves the store as it would a few dictionaries."""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from skyserve.contracts.errors import NameTaken, Superseded
from skyserve.contracts.store import (
    AddReplica,
    AddVersion,
    Change,
    CopyVersion,
    ForgetReplica,
    ForgetVersion,
    MarkEverReady,
    PutReplica,
    PutService,
    SetOutcome,
    VersionRecord,
)
from skyserve.model.event import Event
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.service import Goal, Service
from skyserve.store.opening import open_store
from tests.store.samples import INSTANCE, OFFER

T = TypeVar("T")

TIMES = st.floats(min_value=0, max_value=1e10)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = st.sampled_from(["web", "my-app", "my_app", "My-app"])


@dataclass
class Kept:
    """What the model remembers of one service."""

    service: Service
    versions: dict[int, VersionRecord]
    next_replica_id: int = 1
    replicas: dict[int, Replica] = field(default_factory=dict)

    def copied(self) -> "Kept":
        """To be changed by a decision that may be refused."""
        return replace(self, replicas=dict(self.replicas), versions=dict(self.versions))

    def unused(self) -> list[int]:
        """Versions that may be forgotten."""
        return sorted(self.versions.keys() - {max(self.versions), *(r.version for r in self.replicas.values())})


class StoreMachine(RuleBasedStateMachine):
    """Drives a store and the model side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory(prefix="sky-store-")
        self.kept: dict[int, Kept] = {}
        self.events: dict[int, list[Event]] = {}
        self.last_service_id = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the machine's own loop."""
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        """Open the database."""
        self.store = self.do(open_store(Path(self.directory.name) / "serve.db"))

    @rule()
    def restart(self) -> None:
        """Close and open it again."""
        self.do(self.store.close())
        self.open()

    @rule(name=NAMES, port=st.integers(30001, 30100), now=TIMES, document=TEXT, tree=st.sampled_from(["t1", "t2"]))
    def create(self, name: str, port: int, now: float, document: str, tree: str) -> None:
        """Make a service, or be refused for its name."""
        trees = (("~/x", tree),)
        if any(kept.service.name == name for kept in self.kept.values()):
            with pytest.raises(NameTaken):
                self.do(self.store.create_service(name, port, document, trees, now))
            return
        record = self.do(self.store.create_service(name, port, document, trees, now))
        assert record.service.id > self.last_service_id
        assert record.versions[0].document == document
        self.last_service_id = record.service.id
        first = VersionRecord(record.service.id, 1, document, trees, now)
        self.kept[record.service.id] = Kept(Service(record.service.id, name, port, Goal.RUN, now), {1: first})
        self.events[record.service.id] = []

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), at=TIMES, text=TEXT)
    def commit(self, data: st.DataObject, at: float, text: str) -> None:
        """Commit some changes, sometimes with an old generation."""
        kept = self.kept[data.draw(st.sampled_from(sorted(self.kept)))]
        service_id, generation = kept.service.id, kept.service.generation
        after = kept.copied()
        changes = [self.change(data, after, at, text) for _ in range(data.draw(st.integers(0, 4)))]
        event = Event(at, service_id, "kind", text, replica_id=data.draw(st.none() | st.integers(1, 5)))
        if data.draw(st.integers(0, 5)) == 0:
            with pytest.raises(Superseded):
                self.do(self.store.commit(service_id, generation + 1, changes, [event]))
            return
        moved = self.do(self.store.commit(service_id, generation, changes, [event]))
        after.service = replace(after.service, generation=generation + 1)
        assert moved == after.service
        self.kept[service_id] = after
        self.events[service_id].append(event)

    def change(self, data: st.DataObject, kept: Kept, at: float, text: str) -> Change:
        """Draw one change and make it in the model."""
        kinds = ["add", "service", "version", "version", *(["put", "forget"] if kept.replicas else [])]
        match data.draw(st.sampled_from(kinds)):
            case "add":
                version = data.draw(st.sampled_from(sorted(kept.versions)))
                replica = Replica(kept.service.id, kept.next_replica_id, version, Phase.PENDING, at, at, OFFER)
                kept.replicas[replica.id] = replica
                kept.next_replica_id += 1
                return AddReplica(version, OFFER, at)
            case "version":
                return self.change_of_version(data, kept, at, text)
            case "service":
                goal = data.draw(st.sampled_from(Goal))
                kept.service = replace(kept.service, goal=goal, stopped_reason=text, first_ready_at=at)
                return PutService(kept.service)
            case "put":
                old = kept.replicas[data.draw(st.sampled_from(sorted(kept.replicas)))]
                new = replace(
                    old,
                    phase=data.draw(st.sampled_from(Phase)),
                    instance=data.draw(st.sampled_from([None, INSTANCE])),
                    ended_by=data.draw(st.none() | st.sampled_from(Cause)),
                    detail=text,
                    retry_at=at,
                )
                kept.replicas[old.id] = new
                return PutReplica(new)
            case _:
                gone = data.draw(st.sampled_from(sorted(kept.replicas)))
                del kept.replicas[gone]
                return ForgetReplica(gone)

    def change_of_version(self, data: st.DataObject, kept: Kept, at: float, text: str) -> Change:
        """Draw a change of a version and make it in the model."""
        number, after = data.draw(st.sampled_from(sorted(kept.versions))), max(kept.versions) + 1
        version = kept.versions[number]
        match data.draw(st.sampled_from(["add", "copy", "mark", "outcome", *(["forget"] if kept.unused() else [])])):
            case "add":
                trees = (("~/x", text), ("~/y", "t1"))
                kept.versions[after] = VersionRecord(kept.service.id, after, text, trees, at, reason=text)
                return AddVersion(text, trees, text, at)
            case "copy":
                kept.versions[after] = replace(version, number=after, created_at=at, reason=text, outcome="")
                return CopyVersion(number, text, at)
            case "mark":
                kept.versions[number] = replace(version, ever_ready=True)
                return MarkEverReady(number)
            case "outcome":
                kept.versions[number] = replace(version, outcome=text)
                return SetOutcome(number, text)
            case _:
                gone = data.draw(st.sampled_from(kept.unused()))
                del kept.versions[gone]
                return ForgetVersion(gone)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Forget a service; its events stay."""
        service = self.kept.pop(data.draw(st.sampled_from(sorted(self.kept)))).service
        self.do(self.store.remove_service(service.id, service.generation))
        assert self.do(self.store.load(service.id)) is None

    @invariant()
    def agrees(self) -> None:
        """The store tells what the model remembers."""
        if not hasattr(self, "store"):
            return
        services = sorted((kept.service for kept in self.kept.values()), key=lambda service: service.name)
        assert self.do(self.store.services()) == services
        versions = [version for kept in self.kept.values() for version in kept.versions.values()]
        trees = {tree_id for version in versions for _, tree_id in version.trees}
        assert self.do(self.store.live_trees()) == trees
        for service_id, kept in self.kept.items():
            record = self.do(self.store.load(service_id))
            assert record is not None
            assert record.service == kept.service
            assert record.versions == tuple(kept.versions[number] for number in sorted(kept.versions))
            assert record.replicas == tuple(kept.replicas[replica_id] for replica_id in sorted(kept.replicas))
        for service_id, events in self.events.items():
            assert [event for _, event in self.do(self.store.events(service_id))] == events

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "store"):
            self.do(self.store.close())
        self.runner.close()
        self.directory.cleanup()


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
