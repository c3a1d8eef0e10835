"""The store's contract, on every database it is made for."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from skyserve.contracts.errors import NameTaken, Superseded
from skyserve.contracts.store import (
    AddReplica,
    Change,
    ForgetReplica,
    MarkEverReady,
    PutReplica,
    PutService,
    Record,
    Store,
)
from skyserve.model.event import Event
from skyserve.model.replica import Phase, Replica
from skyserve.model.service import Goal, Service
from skyserve.store import sql
from skyserve.store.opening import open_store
from tests.store.samples import OFFER, ended


async def up(store: Store, name: str = "web", port: int = 30001) -> Service:
    """A new service."""
    return (await store.create_service(name, port, "{}", (), 10.0)).service


async def loaded(store: Store, service: Service) -> Record:
    """All of a service that exists."""
    record = await store.load(service.id)
    assert record is not None
    return record


async def test_owner_is_made_once(where: Path | str) -> None:
    """The installation keeps its id over restarts, and another one has another."""
    first = await open_store(where)
    owner = await first.owner()
    await first.close()
    again = await open_store(where)
    assert await again.owner() == owner
    assert len(owner) == 16
    await again.close()


async def test_installations_differ(tmp_path: Path) -> None:
    """Two databases never share an owner, or one would terminate the other's machines."""
    owners = set()
    for name in ("a.db", "b.db"):
        store = await open_store(tmp_path / name)
        owners.add(await store.owner())
        await store.close()
    assert len(owners) == 2


async def test_a_new_service_has_version_one(store: Store) -> None:
    """What was given comes back, in order, and loading tells the same."""
    trees = (("~/b", "t2"), ("~/a", "t1"))
    record = await store.create_service("web", 30001, '{"run": "x"}', trees, 12.5)
    service = record.service
    assert (service.name, service.port, service.goal, service.created_at) == ("web", 30001, Goal.RUN, 12.5)
    assert service.generation == 0
    (version,) = record.versions
    assert (version.number, version.document, version.trees) == (1, '{"run": "x"}', trees)
    assert (version.service_id, version.created_at, version.ever_ready) == (service.id, 12.5, False)
    assert record.replicas == ()
    assert await store.load(service.id) == record
    assert await store.services() == [service]
    assert await store.load(service.id + 1) is None


async def test_a_name_is_taken_once(store: Store) -> None:
    """A name in use is refused and changes nothing; `-` and `_` are different; a name is free again after removal."""
    service = await up(store, "my-app")
    with pytest.raises(NameTaken, match="my-app"):
        await up(store, "my-app", 30002)
    await up(store, "my_app", 30002)
    await up(store, "My-app", 30003)
    assert [one.name for one in await store.services()] == ["My-app", "my-app", "my_app"]
    await store.remove_service(service.id, 0)
    assert (await up(store, "my-app")).id > service.id


async def test_ids_of_removed_services_stay_used(where: Path | str) -> None:
    """Even the id of the latest service, removed before a restart, is not given again."""
    store = await open_store(where)
    service = await up(store)
    await store.remove_service(service.id, 0)
    await store.close()
    store = await open_store(where)
    assert (await up(store)).id > service.id
    await store.close()


async def test_a_replica_begins_pending(store: Store) -> None:
    """A new replica gets the next id, the offer, and the time of the decision."""
    service = await up(store)
    moved = await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5), AddReplica(1, OFFER, 20.5)])
    assert moved == replace(service, generation=1)
    assert (await loaded(store, service)).replicas == (
        Replica(service.id, 1, 1, Phase.PENDING, 20.5, 20.5, OFFER),
        Replica(service.id, 2, 1, Phase.PENDING, 20.5, 20.5, OFFER),
    )


async def test_every_field_of_a_replica_is_kept(store: Store) -> None:
    """Nested values, causes, times and prose come back equal, and None again where it was put back."""
    service = await up(store)
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5), AddReplica(1, OFFER, 20.5)])
    first, second = (await loaded(store, service)).replicas
    await store.commit(service.id, 1, [PutReplica(ended(first))])
    assert (await loaded(store, service)).replicas == (ended(first), second)
    await store.commit(service.id, 2, [PutReplica(first)])
    assert (await loaded(store, service)).replicas == (first, second)


async def test_forgotten_ids_stay_used(where: Path | str) -> None:
    """Forgetting the highest replica and restarting does not give its id again; ids count per service."""
    store = await open_store(where)
    service, other = await up(store), await up(store, "other", 30002)
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5), AddReplica(1, OFFER, 20.5)])
    await store.commit(service.id, 1, [ForgetReplica(2), ForgetReplica(1)])
    await store.close()
    store = await open_store(where)
    await store.commit(service.id, 2, [AddReplica(1, OFFER, 20.5), ForgetReplica(2)])
    await store.commit(other.id, 0, [AddReplica(1, OFFER, 20.5)])
    assert [replica.id for replica in (await loaded(store, service)).replicas] == [3]
    assert [replica.id for replica in (await loaded(store, other)).replicas] == [1]
    await store.close()


async def test_only_decisions_change_a_service(store: Store) -> None:
    """PutService keeps what decisions change; identity, name, port and generation are not theirs."""
    service = await up(store)
    wanted = replace(
        service, goal=Goal.PURGE, first_ready_at=33.5, stopped_reason="spent", failure_streak=4, last_failure_at=30.5
    )
    wrong = replace(wanted, name="else", port=1, created_at=0.0, generation=77)
    assert await store.commit(service.id, 0, [PutService(wrong)]) == replace(wanted, generation=1)
    assert (await loaded(store, service)).service == replace(wanted, generation=1)


async def test_a_version_is_marked_ready(store: Store) -> None:
    """MarkEverReady lasts, and repeating it changes nothing."""
    service = await up(store)
    await store.commit(service.id, 0, [MarkEverReady(1)])
    await store.commit(service.id, 1, [MarkEverReady(1)])
    assert [version.ever_ready for version in (await loaded(store, service)).versions] == [True]


async def test_an_old_generation_has_lost(store: Store) -> None:
    """A writer that read before another wrote is refused, for commits and removals, and nothing of it is kept."""
    service = await up(store)
    await store.commit(service.id, 0, [])
    with pytest.raises(Superseded):
        await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5)], [Event(1.0, service.id, "launch", "x")])
    with pytest.raises(Superseded):
        await store.remove_service(service.id, 0)
    with pytest.raises(Superseded):
        await store.commit(service.id + 1, 0, [])
    record = await loaded(store, service)
    assert (record.service.generation, record.replicas) == (1, ())
    assert await store.events(service.id) == []


async def test_one_of_many_writers_wins(store: Store) -> None:
    """Of writers that race with one generation exactly one wins, and the others are told."""
    service = await up(store)
    racing = [store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5)]) for _ in range(8)]
    results = await asyncio.gather(*racing, return_exceptions=True)
    assert sum(isinstance(result, Service) for result in results) == 1
    assert sum(isinstance(result, Superseded) for result in results) == 7
    assert len((await loaded(store, service)).replicas) == 1


async def test_services_are_written_side_by_side(store: Store) -> None:
    """Writers of different services do not disturb each other."""
    services = [await up(store, f"s{number}", 30001 + number) for number in range(4)]

    async def write(service: Service) -> None:
        for generation in range(10):
            await store.commit(service.id, generation, [AddReplica(1, OFFER, 20.5)])

    await asyncio.gather(*(write(service) for service in services))
    for service in services:
        assert [replica.id for replica in (await loaded(store, service)).replicas] == list(range(1, 11))


async def test_a_commit_is_all_or_nothing(store: Store) -> None:
    """A change that cannot be made takes back those before it, and the generation."""
    service, other = await up(store), await up(store, "other", 30002)
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5)])
    before = await loaded(store, service)
    (replica,) = before.replicas
    impossible: list[tuple[Change, type[Exception]]] = [
        (PutReplica(replace(replica, id=9)), KeyError),
        (AddReplica(5, OFFER, 20.5), KeyError),
        (MarkEverReady(5), KeyError),
        (PutReplica(replace(replica, service_id=other.id)), ValueError),
        (PutService(other), ValueError),
    ]
    for change, error in impossible:
        with pytest.raises(error):
            await store.commit(service.id, 1, [AddReplica(1, OFFER, 20.5), ForgetReplica(1), change])
        assert await loaded(store, service) == before
    with pytest.raises(ValueError, match="event"):
        await store.commit(service.id, 1, [ForgetReplica(1)], [Event(1.0, other.id, "x", "y")])
    assert await loaded(store, service) == before


async def test_events_are_told_in_order(store: Store) -> None:
    """Events come ascending, of one service only, from after a number, up to a limit."""
    service, other = await up(store), await up(store, "other", 30002)
    happened = [Event(float(at), service.id, "launch", f"reason {at}", replica_id=at or None) for at in range(5)]
    await store.commit(service.id, 0, [], happened[:2])
    await store.commit(other.id, 0, [], [Event(1.0, other.id, "launch", "else")])
    await store.commit(service.id, 1, [], happened[2:])
    told = await store.events(service.id)
    assert [event for _, event in told] == happened
    numbers = [number for number, _ in told]
    assert numbers == sorted(set(numbers))
    assert await store.events(service.id, after=numbers[1], limit=2) == told[2:4]
    assert await store.events(service.id, after=numbers[-1]) == []


async def test_events_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are kept: so many of each living service, so many of all removed ones together."""
    monkeypatch.setattr(sql, "EVENTS_KEPT", 3)
    kept, first, second = [await up(store, name, 30001 + at) for at, name in enumerate(("kept", "first", "second"))]
    for service in (kept, first, second):
        await store.commit(service.id, 0, [], [Event(float(at), service.id, "x", "") for at in range(2)])
        await store.commit(service.id, 1, [], [Event(float(at), service.id, "x", "") for at in range(2, 5)])
        assert [event.at for _, event in await store.events(service.id)] == [2, 3, 4]
    await store.remove_service(first.id, 2)
    assert len(await store.events(first.id)) == 3
    await store.remove_service(second.id, 2)
    assert await store.events(first.id) == []
    assert len(await store.events(second.id)) == 3
    assert len(await store.events(kept.id)) == 3


async def test_removal_leaves_only_the_history(store: Store) -> None:
    """The service, its versions, trees and replicas are gone; its events stay; others are untouched."""
    service = (await store.create_service("web", 30001, "{}", (("~/x", "t1"),), 10.0)).service
    other = (await store.create_service("other", 30002, "{}", (("~/x", "t2"), ("~/y", "t1")), 10.0)).service
    event = Event(1.0, service.id, "launch", "why")
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5)], [event])
    assert await store.live_trees() == {"t1", "t2"}
    await store.remove_service(service.id, 1)
    assert await store.load(service.id) is None
    assert await store.services() == [other]
    assert await store.live_trees() == {"t1", "t2"}
    assert [told for _, told in await store.events(service.id)] == [event]
    await store.remove_service(other.id, 0)
    assert await store.live_trees() == frozenset()


async def test_prose_may_quote_anything(store: Store) -> None:
    """Bytes of a log that no database takes do not lose the decision that quotes them."""
    service = await up(store)
    await store.commit(service.id, 0, [AddReplica(1, OFFER, 20.5)])
    (replica,) = (await loaded(store, service)).replicas
    ugly = "a\0b\udcffc\ud800d☃"
    changes: list[Change] = [
        PutReplica(replace(replica, detail=ugly)),
        PutService(replace(service, stopped_reason=ugly)),
    ]
    await store.commit(service.id, 1, changes, [Event(1.0, service.id, "x", ugly)])
    record = await loaded(store, service)
    ((_, event),) = await store.events(service.id)
    for text in (record.replicas[0].detail, record.service.stopped_reason, event.reason):
        assert text.startswith("a\ufffdb\ufffd")
        assert text.endswith("d☃")


async def test_readers_see_whole_decisions(store: Store) -> None:
    """While a writer adds two replicas a commit, every reader sees as many as the generation says."""
    service = await up(store)

    async def write() -> None:
        for generation in range(20):
            await store.commit(service.id, generation, [AddReplica(1, OFFER, 20.5), AddReplica(1, OFFER, 20.5)])

    writing = asyncio.create_task(write())
    while not writing.done():
        record = await loaded(store, service)
        assert len(record.replicas) == 2 * record.service.generation
    await writing


async def test_cancelled_writers_leave_no_halves(store: Store) -> None:
    """A commit that is cancelled anywhere happened wholly or not at all, and the store goes on."""
    service = await up(store)
    for turns in range(40):
        record = await loaded(store, service)
        changes = [AddReplica(1, OFFER, 20.5), AddReplica(1, OFFER, 20.5)]
        writing = asyncio.create_task(store.commit(service.id, record.service.generation, changes))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        reading = asyncio.create_task(store.load(service.id))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(writing, reading, return_exceptions=True)
    record = await loaded(store, service)
    assert len(record.replicas) == 2 * record.service.generation
    after = await store.commit(service.id, record.service.generation, [AddReplica(1, OFFER, 20.5)])
    assert after.generation == record.service.generation + 1


async def test_writers_have_their_turn_in_order(tmp_path: Path) -> None:
    """However many services have something to write at once, each waits for those alone that came before it; and who
    reads waits for none of them."""
    store = await open_store(tmp_path / "state.db")
    services = [await up(store, f"web-{n}", 30001 + n) for n in range(40)]
    ended: list[int] = []

    async def write(number: int) -> None:
        service = services[number]
        await store.commit(service.id, service.generation, [], [Event(1.0, service.id, "note", f"the {number}th")])
        ended.append(number)

    writing = [asyncio.create_task(write(number)) for number in range(40)]
    await asyncio.sleep(0)
    await store.load(services[-1].id)
    assert len(ended) < 40
    await asyncio.gather(*writing)
    assert ended == list(range(40))
    await store.close()
