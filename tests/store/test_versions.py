"""Versions of a service, on every database: added, copied, judged, forgotten."""

from dataclasses import replace

import pytest

from skyserve.contracts.store import (
    AddReplica,
    AddVersion,
    CopyVersion,
    ForgetVersion,
    MarkEverReady,
    PutService,
    Record,
    SetOutcome,
    Store,
    VersionRecord,
)
from skyserve.model.rollout import Rollout, Tally, UpdateMode
from tests.store.samples import OFFER

TREES = (("~/b", "t2"), ("~/a", "t1"))


async def loaded(store: Store, service_id: int) -> Record:
    """All of a service that exists."""
    record = await store.load(service_id)
    assert record is not None
    return record


async def test_a_new_version_has_the_next_number(store: Store) -> None:
    """What was given comes back, beside the version before, which stays as it was."""
    first = await store.create_service("web", 30001, "one", (("~/a", "t0"),), 10.0)
    service = first.service
    await store.commit(service.id, 0, [AddVersion("two", TREES, "update", 20.5)])
    record = await loaded(store, service.id)
    assert record.versions == (*first.versions, VersionRecord(service.id, 2, "two", TREES, 20.5, reason="update"))
    assert first.versions[0].reason == "up"
    assert await store.live_trees() == {"t0", "t1", "t2"}


async def test_a_copy_is_what_the_other_was(store: Store) -> None:
    """Document, trees and good name are those of the version copied; reason, time and number are its own."""
    service = (await store.create_service("web", 30001, "one", TREES, 10.0)).service
    await store.commit(service.id, 0, [MarkEverReady(1), SetOutcome(1, "left"), AddVersion("two", (), "update", 20.5)])
    await store.commit(service.id, 1, [CopyVersion(1, "rollback to version 1", 30.5)])
    first, second, third = (await loaded(store, service.id)).versions
    assert third == replace(first, number=3, created_at=30.5, reason="rollback to version 1", outcome="")
    assert (first.outcome, second.ever_ready, third.ever_ready) == ("left", False, True)


async def test_what_speaks_against_a_version_is_kept(store: Store) -> None:
    """SetOutcome lasts, and any words will do."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    await store.commit(service.id, 0, [SetOutcome(1, "failed: \0☃")])
    assert (await loaded(store, service.id)).versions[0].outcome == "failed: \ufffd☃"


async def test_a_version_is_forgotten_with_its_trees(store: Store) -> None:
    """Only those that another version names are kept, and its number is not given again."""
    service = (await store.create_service("web", 30001, "one", TREES, 10.0)).service
    await store.commit(service.id, 0, [AddVersion("two", TREES[:1], "update", 20.5), ForgetVersion(1)])
    assert await store.live_trees() == {"t2"}
    await store.commit(service.id, 1, [CopyVersion(2, "again", 30.5), ForgetVersion(2)])
    assert [version.number for version in (await loaded(store, service.id)).versions] == [3]


async def test_a_version_in_use_stays(store: Store) -> None:
    """Neither the last version goes, nor one that a replica is of: its row would go too, and a machine be forgotten."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    with pytest.raises(ValueError, match=r"version 1 .* in use"):
        await store.commit(service.id, 0, [ForgetVersion(1)])
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5), AddVersion("two", (), "update", 20.5)])
    with pytest.raises(ValueError, match=r"version 1 .* in use"):
        await store.commit(service.id, 1, [ForgetVersion(1)])
    record = await loaded(store, service.id)
    assert (len(record.versions), len(record.replicas), record.service.generation) == (2, 1, 1)


async def test_a_version_that_is_not_there(store: Store) -> None:
    """Nothing is copied from it or said of it."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    for change in (CopyVersion(5, "", 1.0), SetOutcome(5, "")):
        with pytest.raises(KeyError):
            await store.commit(service.id, 0, [change])
    assert len((await loaded(store, service.id)).versions) == 1


async def test_how_far_an_update_has_come_is_kept(store: Store) -> None:
    """Every field of a rollout comes back, and None where it is over."""
    service = (await store.create_service("web", 30001, "one", (), 10.0)).service
    tallies = (Tally(1, 1000, 3), Tally(2, 0, 0))
    rollout = Rollout(2, 1, UpdateMode.CANARY, 20.5, 30.5, 1, 31.25, 40.75, 2, tallies, 70, 4)
    under_way = await store.commit(service.id, 0, [PutService(replace(service, rollout=rollout))])
    assert under_way == replace(service, generation=1, rollout=rollout)
    assert (await loaded(store, service.id)).service == under_way
    await store.commit(service.id, 1, [PutService(service)])
    assert (await loaded(store, service.id)).service.rollout is None
