"""An update that is held, by the user or because launching stopped: both versions stay as they are."""

from skyserve.model.rollout import Rollout, UpdateMode
from skyserve.policy.rollout.division import Division
from skyserve.policy.rollout.shifting import refill
from skyserve.policy.rollout.standing import Standing


def holding(standing: Standing, rollout: Rollout) -> Division:
    """As many new replicas as there were, and no fewer old ones than they leave to be wanted: what is lost meanwhile is
    replaced by one of its version. Where the version before runs the same, that is the new one."""
    wanted = standing.wanted
    new = min(wanted, len(standing.new) if rollout.held is None else rollout.held)
    if standing.same_task:
        return Division(max(new, wanted - len(standing.old)))
    full = standing.full
    if rollout.mode is UpdateMode.ROLLING:
        leftovers = len(standing.old) - len(standing.of_before())
        full = min(wanted, max(len(standing.old), wanted - new)) - leftovers
    return Division(new, refill=refill(standing, max(0, full)))
