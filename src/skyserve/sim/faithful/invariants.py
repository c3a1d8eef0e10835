"""What must hold whatever goes wrong. Each function says in its docstring what users may rely on, and returns what is
not so, or nothing.

Where a time is given, one controller was at work all that time: who is dead or asleep does nothing.
"""

from collections.abc import Callable
from math import inf

from skyserve.contracts.store import AddReplica, PutReplica
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.rollout import UpdateMode
from skyserve.model.service import Goal, Target
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE
from skyserve.policy.pacing import ROUNDS_NEVER_READY
from skyserve.policy.wanted import most_replicas, wanted_replicas
from skyserve.sim.faithful.books import Book, Entry
from skyserve.sim.faithful.facts import Facts

ORPHAN_SECONDS = 300.0
"""An instance that nothing accounts for is gone within this, at a place that answers: most of it is allowed for calls
that fail again and again."""
DETECTION_SECONDS = 90.0
"""Within this, a replica that does not answer gets no more requests, also if the store refuses writes meanwhile."""
MOMENT = 1e-3
"""Virtual times that differ by less are the same: sums of them are not exact."""
DARK_SECONDS = 10.0
"""A place that has not told what it runs for so long may be left out of the count."""
CONVERGENCE_SECONDS = 1800.0
"""Within this, after everything works again, a service is as it should be. Places rest for 300 s, tries are up to 300 s
apart, and a machine that does not come up is waited for."""
ON_THE_WAY_SECONDS = 300.0
"""Where the number of replicas follows the load, one that is not ready, or not gone, for less is on its way."""
DOWN_SECONDS = 300.0
"""Within this, where everything works, nothing is left of a service that goes down."""


def no_instance_without_owner(facts: Facts) -> str:
    """Every machine belongs to a replica that may hold one, or is terminated soon."""
    for machine in facts.world.machines.values():
        instance = machine.instance
        service_id, _, replica_id = instance.token.partition("-")
        book = facts.books.open.get(int(service_id))
        row = book.rows.get(int(replica_id)) if book else None
        owned = row is not None and row.phase in MAY_HOLD_MACHINE
        if not owned and machine.zone.reachable:
            age = facts.lasting(("orphan", instance.id))
            if age > ORPHAN_SECONDS:
                return f"{instance.id} ({instance.token}) has had no owner for {age:.0f} s"
    return ""


def one_machine_for_each_replica(facts: Facts) -> str:
    """However often a launch is asked for, a replica has one machine."""
    tokens = [machine.instance.token for machine in facts.world.machines.values()]
    twice = sorted({token for token in tokens if tokens.count(token) > 1})
    return f"several machines for {', '.join(twice)}" if twice else ""


def no_traffic_to_the_dead(facts: Facts) -> str:
    """The endpoint sends requests to replicas that answer, and soon no more to those that do not."""
    for service_id, table in facts.plane.tables.items():
        for backend in table.backends:
            if not backend.draining and not facts.software.answers(backend.address):
                silent = facts.lasting(("silent", service_id, backend.replica_id))
                if silent > DETECTION_SECONDS:
                    return f"replica {service_id}-{backend.replica_id} gets traffic, silent for {silent:.0f} s"
    return ""


ALWAYS: tuple[Callable[[Facts], str], ...] = (
    no_instance_without_owner,
    one_machine_for_each_replica,
    no_traffic_to_the_dead,
)
"""Checked after every call that changed something, and every few seconds."""


def ids_are_never_used_twice(entry: Entry, facts: Facts) -> str:
    """A number that a replica had is no other's, ever."""
    added = sum(isinstance(change, AddReplica) for change in entry.changes)
    fresh = sorted(set(entry.book.rows) - set(entry.before))
    if len(fresh) > added or any(i <= max(entry.before, default=0) for i in fresh):
        return f"replicas {fresh} came, where {sorted(entry.before)} were and {added} were added"
    return ""


def never_above_the_cap(entry: Entry, facts: Facts) -> str:
    """With a number of replicas that follows the load, there are never more than max_replicas and num_overprovision,
    those that are on their way out included, but for those that end at a place that has not answered for a while. With
    a fixed number, never more are alive than that.

    To be added: what an update may add, which is max_surge, or as many again where both versions run side by side; to
    all these as many again where on-demand machines may stand in for spot machines; and those that are always on
    demand, since a spot machine that serves in their place stays until they do. Replicas whose machine will be taken
    away, as its place has told, are not counted. Where versions differ, the one that allows more decides.
    """
    if not any(isinstance(change, AddReplica) for change in entry.changes):
        return ""
    rows = [row for row in entry.book.rows.values() if row.phase is not Phase.GONE and not row.doomed]
    targets = [entry.book.targets[n] for n in {row.version for row in rows} | {entry.book.wanted_version}]
    alive, most = [row.id for row in rows if row.alive], max(_most_alive(entry.book, target) for target in targets)
    if len(alive) > most:
        return f"replicas {alive} are alive, {most} may be"
    held = [row.id for row in rows if row.alive or facts.dark_for(row.offer.place) < DARK_SECONDS]
    caps = [_most_held(entry.book, target) for target in targets]
    if None not in caps and len(held) > (cap := max(cap or 0 for cap in caps)):
        return f"replicas {held} may hold machines, {cap} is the cap"
    return ""


def _most_alive(book: Book, target: Target) -> int:
    wanted, placement = wanted_replicas(book.service, target), target.placement
    running = wanted + _surge(book, target)
    if placement is None:
        return running
    return running * (2 if placement.stand_in else 1) + placement.extra + min(wanted, placement.base_on_demand)


def _most_held(book: Book, target: Target) -> int | None:
    most = most_replicas(target)
    return None if most is None else most + _surge(book, target)


def _surge(book: Book, target: Target) -> int:
    wanted, rollout = wanted_replicas(book.service, target), book.service.rollout
    if rollout is None:
        return 0
    return max(1, target.update.max_surge.up(wanted)) if rollout.mode is UpdateMode.ROLLING else wanted


def the_last_good_replica_stays(entry: Entry, facts: Facts) -> str:
    """Nobody but its user, or the world, ends the last replica that is ready while any is wanted. A max_unavailable of
    all that are wanted is its user's wish."""
    if entry.book.service.goal is not Goal.RUN or wanted_replicas(entry.book.service, entry.book.target) == 0:
        return ""
    was_ready = _ready_and_ended(entry, Cause.SCALED_DOWN)
    if _may_be_missing(entry.book) < wanted_replicas(entry.book.service, entry.book.target):
        was_ready += _ready_and_ended(entry, Cause.OUTDATED)
    left = [row.id for row in entry.book.rows.values() if row.phase is Phase.READY]
    return f"replica {was_ready[0]} is ended, and none is left that is ready" if was_ready and not left else ""


def an_update_takes_no_service_away(entry: Entry, facts: Facts) -> str:
    """An update ends no replica that is ready if that leaves fewer than are wanted, less max_unavailable where it is
    rolling; one that users hold ends none at all."""
    rollout = entry.book.service.rollout or entry.service_before.rollout
    was_ready = _ready_and_ended(entry, Cause.OUTDATED)
    if not was_ready or rollout is None:
        return ""
    if rollout.paused_at is not None:
        return f"replicas {was_ready} end, though the update is held"
    wanted = wanted_replicas(entry.book.service, entry.book.target)
    missing = _may_be_missing(entry.book) if rollout.mode is UpdateMode.ROLLING else 0
    left = [row.id for row in entry.book.rows.values() if row.phase is Phase.READY]
    if len(left) < wanted - missing:
        return f"replicas {was_ready} end, of {wanted} that are wanted {left} are ready then"
    return ""


def _ready_and_ended(entry: Entry, cause: Cause) -> list[int]:
    """Without those that were found not to be ready any more in the same breath."""
    ended = [e.replica_id or 0 for e in entry.events if e.kind == cause]
    ill = {e.replica_id for e in entry.events if e.kind == Cause.PROBE_FAILED}
    return [i for i in ended if i not in ill and i in entry.before and entry.before[i].phase is Phase.READY]


def _may_be_missing(book: Book) -> int:
    return book.target.update.max_unavailable.down(wanted_replicas(book.service, book.target))


def events_tell_every_change(entry: Entry, facts: Facts) -> str:
    """Whatever becomes of a replica is told in the service's events, with its reason."""
    told = [e.replica_id for e in entry.events if e.reason]
    phase = {row.id: row.phase for row in entry.before.values()}
    for change in entry.changes:
        if isinstance(change, PutReplica) and change.replica.phase is not phase.get(change.replica.id):
            if change.replica.id not in told:
                return f"replica {change.replica.id} became {change.replica.phase}, and no event tells it"
            told.remove(change.replica.id)
            phase[change.replica.id] = change.replica.phase
    return ""


def requests_under_way_are_finished(entry: Entry, facts: Facts) -> str:
    """A replica that is ended on purpose answers the requests that it has, up to the deadline of the service, or until
    its place takes the machine away, as far as the clock of the controller's machine tells."""
    for event in entry.events:
        row = entry.before.get(event.replica_id or 0)
        if event.kind == Cause.DRAINED and row is not None and row.phase is Phase.DRAINING:
            in_flight = facts.plane.in_flight.get((row.service_id, row.id), 0)
            waited = facts.machine_now - row.since
            taken_at = entry.book.rows.get(row.id, row).doomed_at or inf
            if in_flight and waited < _drain_limit(entry.book, row) and facts.machine_now < taken_at - MOMENT:
                return f"replica {row.id} is terminated after {waited:.1f} s with {in_flight} requests in flight"
    return ""


def _drain_limit(book: Book, row: Replica) -> float:
    target: Target = book.targets[row.version]
    return target.drain_seconds if book.service.goal is Goal.RUN else min(10.0, target.drain_seconds)


AT_EACH_TRANSACTION: tuple[Callable[[Entry, Facts], str], ...] = (
    ids_are_never_used_twice,
    never_above_the_cap,
    the_last_good_replica_stays,
    an_update_takes_no_service_away,
    events_tell_every_change,
    requests_under_way_are_finished,
)


def all_is_as_it_should_be(facts: Facts) -> str:
    """A service that can has as many ready replicas as are wanted, of the wanted version, and nothing else, but for
    the extra ones that its spot placer keeps, and for those on their way where the number follows the load. The ready
    ones get the traffic, and no update is under way. A service whose task never worked has stopped trying, and says
    so; unless nobody asks anything of it, so that there is nothing to try."""
    for service_id, book in facts.books.open.items():
        if book.service.goal is not Goal.RUN:
            return f"{book.service.name} is still going down"
        given_up = book.wanted_version in book.hopeless
        if words := (_trying(book) if given_up else _unfinished(service_id, book, facts)):
            return f"{book.service.name}: {words}"
    return ""


def may_have_given_up(facts: Facts, service_id: int) -> bool:
    """The user's program did fail, or seemed to, so often that launching may have stopped for good."""
    return facts.software.failures.get(service_id, 0) > ROUNDS_NEVER_READY


def _trying(book: Book) -> str:
    held = [row.id for row in book.rows.values() if row.phase is not Phase.GONE]
    rests = book.service.stopped_reason or wanted_replicas(book.service, book.target) == 0
    return "" if rests and not held else f"it goes on with {held}, though its task cannot work"


def _unfinished(service_id: int, book: Book, facts: Facts) -> str:
    wanted, placement = wanted_replicas(book.service, book.target), book.target.placement
    most = wanted + (placement.extra if placement else 0)
    held = {row.id: row for row in book.rows.values() if row.phase is not Phase.GONE}
    on_the_way = 0.0 if book.target.autoscaling is None else ON_THE_WAY_SECONDS
    counted = [r for r in held.values() if r.alive or facts.machine_now - r.since > on_the_way]
    there = [r for r in counted if r.phase is Phase.READY or facts.machine_now - r.since > on_the_way]
    strange = [r for r in there if r.phase is not Phase.READY]
    strange += [r for r in counted if r.version != book.wanted_version]
    if len(counted) < wanted or len(there) > most or strange or book.service.rollout is not None:
        told = ", ".join(f"{row.id} {row.phase} v{row.version}" for row in held.values()) or "none"
        update = f"; {book.service.rollout}" if book.service.rollout else ""
        return (
            f"{wanted} of v{book.wanted_version} are wanted, there are: {told}; {book.service.stopped_reason}{update}"
        )
    table = facts.plane.tables.get(service_id)
    backends = [b for b in table.backends if not b.draining] if table else []
    ready, served = {r.id for r in counted if r.phase is Phase.READY}, {b.replica_id for b in backends}
    if served != ready:
        return f"replicas {sorted(ready)} are ready, {sorted(served)} get traffic"
    silent = [b.replica_id for b in backends if not facts.software.answers(b.address)]
    return f"replicas {silent} do not answer" if silent else ""


def nothing_is_left(facts: Facts) -> str:
    """After all services went down there is no machine, no route and no row."""
    machines = [f"{m.instance.id} ({m.instance.token})" for m in facts.world.machines.values()]
    left = [*machines, *facts.plane.tables, *(book.service.name for book in facts.books.open.values())]
    return f"left: {', '.join(map(str, left))}" if left else ""


def money_is_accounted_for(facts: Facts) -> str:
    """What a machine cost is written down as some replica's: a machine costs nothing outside the time for which the
    books say that its replica may hold one, but for as long as an instance may be without an owner."""
    allowed = ORPHAN_SECONDS + facts.unattended
    for machine in facts.world.gone:
        begin, end = machine.instance.created_at, machine.gone_at or 0.0
        held_from, held_until = facts.books.held.get(machine.instance.token, (end, end))
        seconds = (end - begin) - max(0.0, min(end, held_until) - max(begin, held_from))
        if seconds > allowed:
            usd = seconds / 3600 * machine.offer.hourly_usd
            return f"{machine.instance.id} ({machine.instance.token}) cost {usd:.3f} USD in {seconds:.0f} s of nobody's"
    return ""
