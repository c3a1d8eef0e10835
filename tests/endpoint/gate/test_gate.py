"""Who may go, who waits, and who is sent away; on virtual time."""

import asyncio
from collections.abc import Callable

from skyserve.endpoint.gate.asking import Asking
from skyserve.endpoint.gate.gate import Admission, Gate, Ticket
from skyserve.endpoint.gate.refusal import Refusal
from skyserve.endpoint.gate.slots import Seat
from skyserve.model.endpoint import ConcurrencyLimit, EndpointSettings
from skyserve.model.load import FIRST_BYTE_BOUNDS
from skyserve.model.place import Address
from skyserve.model.route import Prospect, RouteTable
from skyserve.model.service import LoadBalancingPolicy
from skyserve.model.traffic import Spread, Waits
from tests.virtual import virtual

LIMIT = ConcurrencyLimit(per_replica=1, queued=2, seconds=60)
SLOW = Prospect(takes=90.0)


def service(limit: ConcurrencyLimit = LIMIT, prospect: Prospect = SLOW) -> RouteTable:
    """A service that lets two requests wait for its first replica, for ten minutes."""
    settings = EndpointSettings(concurrency=limit, hold_seconds=600, max_held_requests=2)
    return RouteTable(1, "hello", 30001, LoadBalancingPolicy.LEAST_LOAD, settings=settings, prospect=prospect)


def gate(replicas: int = 1, limit: ConcurrencyLimit = LIMIT, on_held: Callable[[], None] = lambda: None) -> Gate:
    """The gate of a service with so many replicas."""
    made = Gate(service(limit), on_held)
    replicate(made, replicas, limit)
    return made


def replicate(at: Gate, replicas: int, limit: ConcurrencyLimit = LIMIT) -> None:
    """From now on there are so many replicas."""
    seats = {n: Seat(n, Address("10.0.0.1", n)) for n in range(1, replicas + 1)}
    at.follow(service(limit), seats, frozenset(), choosing=True)
    at.heed({})


def admitted(*tickets: Ticket) -> list[bool]:
    """Which of them may go now."""
    return [t.verdict.done() and isinstance(t.verdict.result(), Admission) for t in tickets]


async def refused(at: Gate, ticket: Ticket) -> Refusal:
    """The answer to one that is sent away."""
    verdict = await at.verdict(ticket)
    assert isinstance(verdict, Refusal)
    return verdict


@virtual
async def test_one_after_the_other() -> None:
    """A place that is left goes to who came first."""
    here = gate()
    first, second, third = (here.ask(Asking()) for _ in range(3))
    assert admitted(first, second, third) == [True, False, False]
    here.leave(first)
    assert admitted(second, third) == [True, False]
    here.leave(second)
    here.leave(third)

    assert (here.taken, here.waiting) == (0, 0)


@virtual
async def test_the_more_urgent_first() -> None:
    """A higher priority goes before a lower, however late it came."""
    here = gate()
    first = here.ask(Asking())
    usual, urgent = here.ask(Asking()), here.ask(Asking(priority=5))
    here.leave(first)

    assert admitted(usual, urgent) == [False, True]


@virtual
async def test_a_full_queue_refuses() -> None:
    """Who finds the queue full is told so at once, with the time until it will have had its turn."""
    here = gate()
    first = here.ask(Asking())
    await asyncio.sleep(20)
    here.leave(first)
    going, *waiting = (here.ask(Asking()) for _ in range(3))
    refusal = await refused(here, here.ask(Asking()))

    assert (refusal.status, refusal.kind) == (429, "queue_full")
    assert refusal.retry_after == 60  # two who wait and this one, 20 s each, one at a time
    assert admitted(going, *waiting) == [True, False, False]


@virtual
async def test_the_more_urgent_pushes_out_the_last() -> None:
    """In a full queue the least urgent makes room, of those the one who came last."""
    here = gate()
    here.ask(Asking())
    early, late = here.ask(Asking()), here.ask(Asking())
    urgent = here.ask(Asking(priority=1))

    assert (await refused(here, late)).status == 429
    assert not early.verdict.done()
    assert not urgent.verdict.done()


@virtual
async def test_no_queue() -> None:
    """Without a queue, who finds no place is refused at once."""
    here = gate(limit=ConcurrencyLimit(per_replica=1, queued=0, seconds=60))
    first, second = here.ask(Asking()), here.ask(Asking())

    assert admitted(first) == [True]
    assert (await refused(here, second)).kind == "queue_full"


@virtual
async def test_a_wait_ends() -> None:
    """After the service's time a request is told 503, and is no more in the queue."""
    here = gate()
    here.ask(Asking())
    began = asyncio.get_running_loop().time()
    refusal = await refused(here, here.ask(Asking()))

    assert asyncio.get_running_loop().time() - began == 60
    assert (refusal.status, refusal.kind) == (503, "queue_timeout")
    assert here.waiting == 0


@virtual
async def test_the_clients_deadline() -> None:
    """A client that waits shorter is told 504 when its own time is over; one that would wait longer may not."""
    here = gate()
    here.ask(Asking())
    short, long = here.ask(Asking(patience=1.5)), here.ask(Asking(patience=1000))
    refusals = await asyncio.gather(refused(here, short), refused(here, long))

    assert [(r.status, r.retry_after is None) for r in refusals] == [(504, True), (503, False)]


@virtual
async def test_who_has_gone_takes_no_place() -> None:
    """A client that gave up while it waited, or in the moment in which its turn came, leaves nothing behind."""
    here = gate()
    first, second, third = (here.ask(Asking()) for _ in range(3))
    waiting = [asyncio.create_task(here.verdict(t)) for t in (second, third)]
    here.leave(third)
    here.leave(first)
    assert admitted(second) == [True]
    waiting[0].cancel()
    here.leave(second)

    assert (here.taken, here.waiting) == (0, 0)


@virtual
async def test_replicas_that_come_are_used_at_once() -> None:
    """Who waits where there is no replica goes on when there are some, and no more than these can take."""
    here = gate(replicas=0)
    asked = [here.ask(Asking()) for _ in range(2)]
    assert admitted(*asked) == [False, False]
    replicate(here, 1)
    assert admitted(*asked) == [True, False]
    replicate(here, 2)

    assert admitted(*asked) == [True, True]


@virtual
async def test_a_change_of_the_limit_is_felt_at_once() -> None:
    """A higher limit lets more through, a shorter queue takes in nobody else, and no limit lets through who waits."""
    here = gate()
    going, second, third = (here.ask(Asking()) for _ in range(3))
    replicate(here, 1, ConcurrencyLimit(per_replica=2, queued=0, seconds=60))
    assert admitted(going, second) == [True, True]
    assert (await refused(here, here.ask(Asking()))).status == 429
    assert not third.verdict.done()
    here.open()

    assert admitted(third, here.ask(Asking())) == [True, True]


@virtual
async def test_waiting_for_the_first_replica() -> None:
    """Without a replica the service's time for that holds, and whoever may start one is told that somebody waits."""
    told: list[bool] = []
    here = gate(replicas=0, on_held=lambda: told.append(True))
    began = asyncio.get_running_loop().time()
    first, second = here.ask(Asking()), here.ask(Asking())
    third = await refused(here, here.ask(Asking()))
    assert (third.status, third.kind) == (503, "too_many_waiting")
    assert len(told) == 2
    late = await refused(here, first)

    assert asyncio.get_running_loop().time() - began == 600
    assert (late.status, late.kind, late.retry_after) == (503, "no_ready_replica", 90)
    assert not admitted(second)[0]


@virtual
async def test_a_wait_that_began_without_replicas_goes_on_with_them() -> None:
    """Who has waited for the first replica for longer than requests may queue still gets its turn."""
    here = gate(replicas=0)
    first, second = here.ask(Asking()), here.ask(Asking())
    waiting = asyncio.create_task(here.verdict(second))
    await asyncio.sleep(300)
    replicate(here, 1)
    await asyncio.sleep(100)
    here.leave(first)

    assert isinstance(await waiting, Admission)


@virtual
async def test_hopeless() -> None:
    """Where no replica will come, nobody waits for one."""
    here = gate(replicas=0)
    waiting = here.ask(Asking())
    here.follow(service(prospect=Prospect(hopeless="launching stopped")), {}, frozenset(), choosing=True)
    refusals = [await refused(here, waiting), await refused(here, here.ask(Asking()))]

    assert {(r.status, r.kind, r.retry_after) for r in refusals} == {(503, "no_ready_replica", None)}
    assert "launching stopped" in refusals[0].message
    assert here.waits.told().refused == here.waits.told().hopeless == 2


@virtual
async def test_how_waiting_ended_is_counted() -> None:
    """Each request that found no place at once counts once, with the time that it waited if it went on."""
    here = gate()
    first = here.ask(Asking())
    waiting, other = here.ask(Asking()), here.ask(Asking())
    await refused(here, here.ask(Asking()))
    await asyncio.sleep(3)
    here.leave(first)
    here.leave(other)
    hurried = here.ask(Asking(patience=1))
    await asyncio.gather(refused(here, hurried), refused(here, here.ask(Asking())))
    here.leave(waiting)
    here.leave(hurried)

    seconds = Spread(tuple(int(bound >= 3) for bound in FIRST_BYTE_BOUNDS), 1, 3.0)
    assert here.waits.told() == Waits(released=1, full=1, timed_out=1, deadline=1, gone=1, spread=seconds)
    assert here.waits.told().refused == 3


@virtual
async def test_before_the_replicas_are_known() -> None:
    """Right after the start of the controller nobody is refused for want of replicas."""
    here = Gate(service(prospect=Prospect(hopeless="not yet looked")), lambda: None)
    first = here.ask(Asking())
    assert not first.verdict.done()
    replicate(here, 1)

    assert admitted(first) == [True]
