"""What a plan means for the store, and what people are told of it."""

import logging

from skyserve.contracts import store
from skyserve.contracts.store import (
    AddReplica,
    Change,
    CopyVersion,
    ForgetReplica,
    MarkEverReady,
    PutKeyUsage,
    PutReplica,
    PutService,
    SetOutcome,
)
from skyserve.model.event import Event
from skyserve.model.plan import (
    Abandon,
    Action,
    Amend,
    Create,
    Finish,
    Forget,
    ForgetVersion,
    Launch,
    Meter,
    Move,
    Note,
    Plan,
    Reclaim,
    Remember,
    Start,
    Terminate,
)
from skyserve.model.replica import Phase
from skyserve.model.service import Service

log = logging.getLogger(__name__)


def changes_of(made: Plan, now: float) -> list[Change]:
    """The rows as the plan leaves them."""
    changes: list[Change] = []
    for action in made.actions:
        match action:
            case Create():
                changes.append(AddReplica(action.version, action.offer, now))
            case Move() | Note():
                changes.append(PutReplica(action.replica))
                if action.replica.phase is Phase.READY:
                    changes.append(MarkEverReady(action.replica.version))
            case Amend() | Remember():
                changes.append(PutService(action.service))
            case Meter():
                changes += [PutKeyUsage(key.id, key.usage) for key in action.keys]
            case Abandon():
                changes += _abandoning(action, now)
            case Forget():
                changes.append(ForgetReplica(action.replica_id))
            case ForgetVersion():
                changes.append(store.ForgetVersion(action.version))
            case Launch() | Start() | Terminate() | Reclaim() | Finish():
                pass  # what is done, not what is written
    return changes


def _abandoning(action: Abandon, now: float) -> list[Change]:
    changes: list[Change] = [SetOutcome(action.version, f"failed: {action.why}")]
    if action.to is not None:
        changes.append(CopyVersion(action.to, f"automatic rollback to version {action.to}: {action.why}", now))
    return [*changes, PutService(action.service)]


def events_of(made: Plan, service: Service, now: float) -> list[Event]:
    """What people are told: every decision that changes a row."""
    return [
        Event(now, service.id, _kind(action), action.reason, _row(action))
        for action in made.actions
        if isinstance(action, Create | Move | Amend | Abandon | Finish) or (isinstance(action, Note) and action.news)
    ]


def log_plan(made: Plan, service: Service) -> None:
    """Every action, in the controller's log, but for what is remembered again and again."""
    for action in made.actions:
        if isinstance(action, Remember | Meter):
            continue
        row = _row(action)
        log.info("%s: %s%s: %s", service.name, _kind(action), f" replica {row}" if row else "", action.reason)


def _kind(action: Action) -> str:
    return str(action.cause) if isinstance(action, Move) else type(action).__name__.lower()


def _row(action: Action) -> int | None:
    return action.replica.id if isinstance(action, Move | Note) else getattr(action, "replica_id", None)
