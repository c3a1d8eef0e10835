"""When the memory of placement is written to the database, and how much of it."""

from dataclasses import replace

from skyserve.model.placement import Memory

WRITE_SECONDS = 300.0
"""How often what goes on by itself is written: the hours that replicas are held count over days."""
PLACES_KEPT = 200
"""So many places are remembered, those longest unheard of not: more than all clouds have for one kind of machine."""


def worth_writing(before: Memory, after: Memory) -> bool:
    """Whether something happened, or much time went by."""
    if before.at is None or after.at is None:
        return after != before
    return after.at - before.at >= WRITE_SECONDS or after.at < before.at or _news(before) != _news(after)


def _news(memory: Memory) -> tuple[object, ...]:
    """What changes only when something happens."""
    setbacks = {
        key: (known.preempting, known.setbacks, known.rests_until)
        for key, known in memory.places.items()
        if known.preempting or known.setbacks
    }
    sets = memory.counted, memory.arrived, memory.doomed
    return *sets, memory.turn, memory.cold_start_seconds, memory.notice_seconds, setbacks


def bounded(memory: Memory) -> Memory:
    """The memory without the places that were longest unheard of."""
    if len(memory.places) <= PLACES_KEPT:
        return memory
    newest = sorted(memory.places.items(), key=lambda item: (max(item[1].at, item[1].rests_until), item[0]))
    return replace(memory, places=dict(newest[-PLACES_KEPT:]))
