"""What the world showed becomes a replica's phase."""

from dataclasses import replace

from skyserve.model.instance import InstanceState
from skyserve.model.replica import Cause, Phase, Replica
from skyserve.model.snapshot import Observation, Setback, Stage
from skyserve.policy.draft import Draft
from skyserve.policy.lifecycle import MAY_HOLD_MACHINE
from skyserve.policy.pacing import LAUNCH_ATTEMPTS, after_launch_failure, after_terminate_failure

UNREACHABLE_SECONDS = 10.0
"""A machine that does not answer for so long, while its replica fails probes, is given up for lost."""
ACCEPT_SECONDS = 0.1
"""The endpoint accepts a new backend within milliseconds; look again so soon, until the probe has passed once more: an
endpoint that has not accepted it by then is in trouble of its own."""
PROVISION_SECONDS = 1800.0
"""Longest time a machine may take to come up."""

SHUT_DOWN_EXIT_CODE = 143
"""Of a script that got SIGTERM (128 + 15): so an operating system ends what runs before it powers off."""

_MACHINE_EXPECTED = (Phase.PROVISIONING, Phase.STARTING, Phase.READY, Phase.NOT_READY, Phase.DRAINING)


def follow_actions(draft: Draft) -> None:
    """What launches and terminations came to since the last pass."""
    for replica in draft.replicas(*MAY_HOLD_MACHINE):
        seen = draft.seen(replica)
        if seen.launched is not None:
            draft.note(replace(replica, instance=seen.launched), f"launched {seen.launched.id}")
        elif seen.setback is not None and replica.phase is Phase.PROVISIONING:
            _launch_failed(draft, replica, seen.setback)
        elif seen.setback is not None and replica.phase is Phase.TERMINATING:
            words = f"not terminated: {seen.setback.detail}"
            draft.note(after_terminate_failure(replica, words, draft.now), words)


def _launch_failed(draft: Draft, replica: Replica, setback: Setback) -> None:
    again = after_launch_failure(replica, setback.detail, draft.now)
    if setback.cause is not None:
        draft.move(replica, setback.cause, setback.detail)
    elif again is None:
        draft.move(replica, Cause.PLACE_FAILED, f"launch failed {LAUNCH_ATTEMPTS} times: {setback.detail}")
    else:
        draft.note(again, f"launch failed, will be tried again: {setback.detail}")


def follow_machines(draft: Draft) -> None:
    """Machines that came up or were lost."""
    for replica in draft.replicas(*_MACHINE_EXPECTED):
        seen = draft.seen(replica)
        if replica.instance is not None and (lost := _loss(draft, replica, seen)):
            draft.move(replica, *lost)
        elif replica.phase is Phase.PROVISIONING:
            _follow_launch(draft, replica, seen)


def _follow_launch(draft: Draft, replica: Replica, seen: Observation) -> None:
    instance = seen.instance or replica.instance
    if replica.instance is not None and instance is not None and instance.state is InstanceState.RUNNING:
        draft.move(replace(replica, instance=instance), Cause.MACHINE_UP, f"machine up at {replica.offer.place}")
    elif draft.now - replica.since >= PROVISION_SECONDS:
        draft.move(replica, Cause.PLACE_FAILED, f"no machine after {PROVISION_SECONDS / 60:g} minutes")
    else:
        draft.wake(replica.since + PROVISION_SECONDS)


def _loss(draft: Draft, replica: Replica, seen: Observation) -> tuple[Cause, str] | None:
    """How its machine was lost. What ends on a spot machine, or after a notice, was taken back."""
    stopped = seen.instance is not None and seen.instance.state is InstanceState.STOPPED
    if not (seen.absent or stopped or seen.unreachable_since is not None):
        return None
    taken = replica.doomed or replica.offer.spot
    cause = Cause.PREEMPTED if taken else Cause.MACHINE_LOST
    if seen.absent:
        return cause, f"the {'spot ' if replica.offer.spot else ''}machine at {replica.offer.place} is gone"
    if stopped:
        if taken:
            return cause, f"{replica.offer.place} took the machine back"
        return cause, f"all processes of the replica at {replica.offer.place} are gone"
    if seen.unreachable_since is None:
        return None
    dark_for = draft.now - seen.unreachable_since
    serving = replica.phase in (Phase.READY, Phase.DRAINING) and seen.probe.failures == 0
    if serving or dark_for < UNREACHABLE_SECONDS:
        draft.wake(seen.unreachable_since + UNREACHABLE_SECONDS)
        return None
    return Cause.MACHINE_LOST, f"{replica.offer.place} has not answered for {dark_for:.0f} s"


def follow_tasks(draft: Draft) -> None:
    """Setup or run ended with a failure. A run that ended with 0 may have left its server in the background."""
    for replica in draft.replicas(Phase.STARTING, Phase.READY, Phase.NOT_READY, Phase.DRAINING):
        task = draft.seen(replica).task
        if task is None or not task.exit_code:
            continue
        told = f": {task.detail}" if task.detail else ""
        if task.stage is Stage.FILES:
            words = f"files could not be brought to {replica.offer.place}{told}"
        else:
            words = f"`{task.stage}` exited with code {task.exit_code}{told}"
        early = replica.phase is Phase.STARTING and task.stage is not Stage.RUN
        if replica.offer.spot and task.exit_code == SHUT_DOWN_EXIT_CODE:
            draft.move(replica, Cause.PREEMPTED, f"{words}, as when its machine shuts down")
        else:
            _fail(draft, replica, Cause.SETUP_FAILED if early else Cause.RUN_FAILED, words)


def _fail(draft: Draft, replica: Replica, cause: Cause, words: str) -> None:
    """What fails while its machine is being taken back fails for that: the failure budget is for faults of the task."""
    if replica.doomed:
        draft.move(replica, Cause.PREEMPTED, f"{words}, while its machine is taken back")
    else:
        draft.move(replica, cause, words)


def follow_probes(draft: Draft) -> None:
    """Readiness, by probes and the endpoint's consent, with the deadlines of the service's YAML. Nothing is judged that
    was not asked: a deadline may have passed while no controller ran, and the replica have become ready meanwhile."""
    for replica in draft.replicas(Phase.STARTING):
        _follow_start(draft, replica)
    for replica in draft.replicas(Phase.READY):
        probe, tally = draft.target_of(replica).probe, draft.seen(replica).probe
        if tally.failures >= probe.fall:
            draft.move(replica, Cause.PROBE_FAILED, f"{tally.failures} probes failed in a row: {tally.detail}")
    for replica in draft.replicas(Phase.NOT_READY):
        _follow_unready(draft, replica)


def _follow_start(draft: Draft, replica: Replica) -> None:
    seen = draft.seen(replica)
    probe = draft.target_of(replica).probe
    if draft.passes(replica):
        if seen.backend is not None and seen.backend.accepted:
            began = replica.since if replica.renewals else replica.created_at
            draft.move(replica, Cause.PROBE_PASSED, f"ready after {draft.now - began:.1f} s")
        elif seen.probe.passes <= probe.rise:
            draft.wake(draft.now + ACCEPT_SECONDS)
    elif draft.now - replica.since > probe.initial_delay and seen.probe.failures:
        words = f"not ready within initial_delay_seconds ({probe.initial_delay:g})"
        draft.move(replica, Cause.INITIAL_DELAY_EXCEEDED, _with_last(words, seen))
    else:
        draft.wake(replica.since + probe.initial_delay)


def _follow_unready(draft: Draft, replica: Replica) -> None:
    seen = draft.seen(replica)
    probe = draft.target_of(replica).probe
    if draft.passes(replica):
        if seen.backend is not None and seen.backend.accepted:
            draft.move(replica, Cause.PROBE_PASSED, "the probe passes again")
        elif seen.probe.passes <= probe.rise:
            draft.wake(draft.now + ACCEPT_SECONDS)
    elif draft.now - replica.since > probe.failure_threshold and seen.probe.failures:
        words = f"probes failed for {probe.failure_threshold:g} s"
        _fail(draft, replica, Cause.PROBING_FAILED, _with_last(words, seen))
    else:
        draft.wake(replica.since + probe.failure_threshold)


def _with_last(words: str, seen: Observation) -> str:
    return f"{words}; last probe: {seen.probe.detail}" if seen.probe.detail else words
