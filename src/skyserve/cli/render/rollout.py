"""An update under way, in one line."""

from skyserve.model.view import ReplicaStatus, RolloutView, ServiceView


def rollout_words(view: ServiceView, rollout: RolloutView, *, waiting: bool = True) -> str:
    """`version 3 -> 4, canary 25 %, 1 of 3 new replicas ready, 3 old ones; ...`. Without `waiting`, not what it waits
    for, which may count seconds."""
    share = "" if rollout.traffic_percent is None else f" {rollout.traffic_percent} %"
    old = sum(r.version != rollout.version and r.status is ReplicaStatus.READY for r in view.replicas)
    parts = [
        f"version {rollout.before} -> {rollout.version}",
        rollout.mode + share,
        f"{rollout.new_ready} of {view.target_replicas} new replicas ready",
        f"{old} old one{'' if old == 1 else 's'}",
    ]
    state = [", ".join(parts), "paused" if rollout.paused else "", rollout.detail if waiting else ""]
    return "; ".join(part for part in state if part)
