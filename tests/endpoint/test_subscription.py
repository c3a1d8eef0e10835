"""What is sent to Envoy, and when: nothing twice, nothing late, nothing for ever."""

from skyserve.endpoint.subscription import Subscription


def test_new_envoy_is_told_all() -> None:
    """An Envoy that holds nothing is sent everything, and nothing more until something changes."""
    subscription = Subscription.opened(set(), {})
    due = subscription.due({"a": "1", "b": "1"})
    subscription.sending("n1", due)

    assert due == {"a": "1", "b": "1"}
    assert subscription.due({"a": "1", "b": "1"}) == {}
    assert subscription.due({"a": "2", "b": "1"}) == {"a": "2"}


def test_returning_envoy_is_told_the_difference() -> None:
    """An Envoy that reconnects says what it holds: that is confirmed at once; the rest is changed or removed."""
    subscription = Subscription.opened({"*"}, {"same": "1", "old": "1", "gone": "1"})

    assert subscription.confirmed == {"same": "1", "old": "1", "gone": "1"}
    assert subscription.due({"same": "1", "old": "2", "new": "1"}) == {"old": "2", "gone": None, "new": "1"}


def test_names_are_told_alone() -> None:
    """By name only what was asked for is sent; what does not exist is said to be absent, once."""
    subscription = Subscription.opened({"a", "x"}, {})
    due = subscription.due({"a": "1", "b": "1"})
    subscription.sending("n1", due)

    assert due == {"a": "1", "x": None}
    assert subscription.due({"a": "1", "b": "1"}) == {}
    subscription.changed({"b"}, {"a"})
    assert subscription.due({"a": "2", "b": "1"}) == {"b": "1"}


def test_asking_again_is_answered_again() -> None:
    """What Envoy subscribes to once more it has forgotten."""
    subscription = Subscription.opened({"a"}, {"a": "1"})
    subscription.changed({"a"}, set())

    assert subscription.due({"a": "1"}) == {"a": "1"}
    assert subscription.confirmed == {}


def test_only_an_ack_confirms() -> None:
    """Sent is not confirmed, and an answer counts for its own message."""
    subscription = Subscription.opened(set(), {})
    subscription.sending("n1", {"a": "1"})
    subscription.sending("n2", {"a": "2"})
    assert subscription.confirmed == {}
    subscription.accept("n1")
    assert subscription.confirmed == {"a": "1"}
    subscription.accept("n2")
    subscription.accept("never sent")
    assert subscription.confirmed == {"a": "2"}


def test_what_is_refused_is_not_sent_again_by_itself() -> None:
    """After a NACK the old version stays confirmed; the refused one is due again only when asked for."""
    subscription = Subscription.opened(set(), {"a": "1"})
    subscription.sending("n1", {"a": "2"})

    assert subscription.refuse("n1") == ("a",)
    assert subscription.confirmed == {"a": "1"}
    assert subscription.due({"a": "2"}) == {}
    subscription.again(subscription.refused)
    due = subscription.due({"a": "2"})
    assert due == {"a": "2"}
    subscription.sending("n2", due)
    assert subscription.refused == set()


def test_removal_is_confirmed_too() -> None:
    """A resource that is gone is told as such once, and then neither sent nor confirmed."""
    subscription = Subscription.opened(set(), {"a": "1"})
    subscription.sending("n1", subscription.due({}))
    subscription.accept("n1")

    assert subscription.confirmed == {"a": None}
    assert subscription.due({}) == {}


def test_an_empty_world_is_told_once() -> None:
    """Who asks for all there is and holds nothing is answered even if there is nothing, once; who holds something, or
    asks by name, is not."""
    subscription = Subscription.opened({"*"}, {})
    assert subscription.expects
    subscription.sending("1", {})

    assert not subscription.expects
    assert not Subscription.opened({"*"}, {"a": "1"}).expects
    assert not Subscription.opened({"a"}, {}).expects
