"""Replicas of a version that asks for spot machines, placed by a policy of `skyserve.policy.placement`.

Of the replicas wanted, N in all, some may be on-demand at all times; the policy places the others. Its decision is
carried out: ends at once, launches as far as there is room, spot before on-demand. At most N and the extra are on spot
machines, and at most N stand in for them, so that a service never holds more than twice N and the extra, without those
that their places take back.
"""

from dataclasses import dataclass, replace

from skyserve.model.placement import Memory, Placement
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.snapshot import Snapshot
from skyserve.policy.draft import Draft, Share
from skyserve.policy.lifecycle import REFUSALS
from skyserve.policy.placement import POLICIES, Chooser
from skyserve.policy.placement.choosing import offers_of
from skyserve.policy.placement.keeping import bounded, worth_writing
from skyserve.policy.placement.market import Decision, Ending, Market, Placing
from skyserve.policy.surveying import measured, spot_offers, survey
from skyserve.policy.victims import victims

ASK_AGAIN_SECONDS = 20.0
"""A place that refused a spot machine is not asked again sooner, by whatever policy: some know no rest, and decide anew
at each pass. The rests of `adaptive` are longer."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What comes of one decision."""

    due: tuple[Placing, ...]
    """To be launched, in this order."""
    memory: Memory
    """To be remembered, if all that is due is launched."""
    put_off: int = 0
    """So many launches that were decided are not due yet."""


def place_spot(draft: Draft, share: Share, alive: list[Replica]) -> Placed:
    """Let the policy decide about the replicas of one version. Those that are too many end; those that are due are
    returned."""
    knobs = share.version.target.placement or Placement()
    count_base = min(knobs.base_on_demand, share.wanted)
    base, others = _part(count_base, alive)
    memory = measured(draft.service.placement or Memory(), others, draft.replicas())
    market = survey(draft, share.version, others, share.wanted - count_base, memory)
    if not _leads(draft, share):
        market = replace(market, extra=0)
    decision = POLICIES[knobs.placer](market, memory, draft.now)
    draft.wake(decision.wake_at)
    _end(draft, share, others, [*decision.ends, *_surplus(draft, market, others, decision)])
    spot = [placing for placing in decision.launches if placing.offer.spot]
    stand_ins = [placing for placing in decision.launches if not placing.offer.spot]
    missing = [f"{len(base)} of {count_base} that are always on demand"] * (count_base - len(base))
    elsewhere = _on_demand(draft, share, alive, [*missing, *(placing.reason for placing in stand_ins)])
    open_now = _asked_long_ago(draft, spot)
    due = (*elsewhere[: len(missing)], *open_now, *elsewhere[len(missing) :])
    return Placed(due, decision.memory, put_off=len(spot) - len(open_now))


def remember_placement(draft: Draft, share: Share, placed: Placed, *, complete: bool) -> None:
    """Record what the decision leaves to be remembered, if something happened or it is time. Not `complete`: not all
    that was due could be launched, so that the turn of the next place has not come."""
    before = draft.service.placement or Memory()
    after = bounded(placed.memory if complete and not placed.put_off else replace(placed.memory, turn=before.turn))
    if _leads(draft, share) and worth_writing(before, after):
        draft.remember(replace(draft.service, placement=after), "what was learned of places with spot machines")


def no_spot(snapshot: Snapshot) -> str:
    """Why spot replicas that are wanted are not launched now, in words; empty if nothing holds them back."""
    offers, memory = spot_offers(snapshot), snapshot.service.placement or Memory()
    knobs = snapshot.version.target.placement
    if not offers and knobs is not None and knobs.stand_in:
        choice = Chooser(snapshot, offers_of(snapshot), snapshot.replicas, ()).choose()
        return choice.reason if choice.offer is None else ""
    if not offers:
        return "no enabled infra has a spot machine that fits the request; see `sky check`"
    rests = [memory.of(offer.place).rests_until - snapshot.now for offer in offers]
    if min(rests) <= 0:
        return ""
    return (
        f"no place has room for a spot machine now: {len(offers)} rest after they took or refused one, "
        f"the first is asked again in {min(rests):.0f} s"
    )


def _leads(draft: Draft, share: Share) -> bool:
    """Of several versions the one wanted learns for all; else the youngest that is placed."""
    placed = [s.version.number for s in draft.shares if s.version.target.placement is not None]
    wanted = draft.snapshot.version.number
    return share.version.number == (wanted if wanted in placed else max(placed, default=0))


def _part(count: int, alive: list[Replica]) -> tuple[list[Replica], list[Replica]]:
    """The replicas that are on demand at all times, and those that are the policy's; none is both."""
    on_demand = [replica for replica in alive if not replica.offer.spot and not replica.doomed]
    on_demand.sort(key=lambda replica: (replica.phase is not Phase.READY, replica.id))
    base = {replica.id for replica in on_demand[:count]}
    others = [r for r in alive if r.id not in base and (r.offer.spot or not r.doomed)]
    return on_demand[:count], others


def _asked_long_ago(draft: Draft, spot: list[Placing]) -> list[Placing]:
    """Those whose place has not refused a spot machine lately."""
    if not spot:
        return []
    refused = [r for r in draft.replicas() if r.offer.spot and r.ended_by in REFUSALS]
    until = {r.offer.place: r.since + ASK_AGAIN_SECONDS for r in sorted(refused, key=lambda r: r.since)}
    waits = [until.get(placing.offer.place, 0.0) for placing in spot]
    draft.wake_all(waits)
    return [placing for placing, at in zip(spot, waits, strict=True) if at <= draft.now]


def _surplus(draft: Draft, market: Market, others: list[Replica], decision: Decision) -> list[Ending]:
    """What is too much by any policy, and it says nothing of: more on spot machines than are to be launched at most, or
    on-demand machines whose place spot machines have taken that are ready."""
    gone, most = {ending.replica_id for ending in decision.ends}, market.wanted + market.extra
    left = [replica for replica in others if replica.id not in gone]
    spot = [replica for replica in left if replica.offer.spot and not replica.doomed]
    on_demand = [replica for replica in left if not replica.offer.spot]
    ready = sum(replica.phase is Phase.READY for replica in spot)
    too_many = victims(draft, spot, len(spot) - most)
    replaced = victims(draft, on_demand, len(on_demand) - max(0, most - ready))
    return [
        *(Ending(r.id, f"{len(spot)} spot replicas where {most} are to be had at most") for r in too_many),
        *(Ending(r.id, f"{ready} spot replicas are ready") for r in replaced),
    ]


def _end(draft: Draft, share: Share, others: list[Replica], ends: list[Ending]) -> None:
    """End them, but none that serves while fewer would be ready than are wanted, such as before those are ready that
    are always on demand."""
    if not ends:
        return
    ready = [r for r in draft.replicas(Phase.READY) if r.version == share.version.number and not r.doomed]
    spare, rows = len(ready) - share.wanted, {replica.id: replica for replica in others}
    for ending in ends:
        replica = rows[ending.replica_id]
        if replica.phase is Phase.READY and not replica.doomed:
            if spare <= 0:
                continue
            spare -= 1
        draft.move(replica, Cause.SCALED_DOWN, ending.reason)


def _on_demand(draft: Draft, share: Share, alive: list[Replica], reasons: list[str]) -> list[Placing]:
    """The best on-demand machine for each reason, as far as one is to be had."""
    if not reasons:
        return []
    used = [replica.offer.place for replica in alive if not replica.offer.spot]
    snapshot = draft.snapshot.as_if_wanted(share.version)
    chooser = Chooser(snapshot, offers_of(snapshot), draft.replicas(), used)
    found = []
    for reason in reasons:
        choice = chooser.choose()
        draft.wake(choice.wake_at)
        if choice.offer is None:
            break
        found.append(Placing(choice.offer, f"{reason}: to {choice.reason}"))
    return found
