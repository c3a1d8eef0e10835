"""Labels of a node, where a renewal is cut short or meets another call."""

from pathlib import Path

import pytest

from skyserve.infra.machine.node import records, renewal
from skyserve.infra.machine.node.records import Node
from skyserve.infra.machine.node.refusal import Refusal


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node with a script of label 0, without a keeper."""
    made = Node(str(tmp_path), "hello-1.0")
    scripts = Path(made.file("scripts", "run"))
    scripts.mkdir(parents=True)
    (scripts / "log").write_text("said")
    Path(made.file("record.json")).write_text("{}")
    renewal.begin(made, "0")
    return made


def test_a_renewal_that_is_cut_short_is_begun_anew(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new label could not be written, it is due still, and the next try has nothing more to forget."""
    assert Path(node.file("scripts", "run", "log")).exists()

    def full(_path: str, _text: str) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space"):
        patched.setattr(records, "write_private", full)
        renewal.begin(node, "1")
    assert renewal.is_due(node, "1")
    assert not renewal.is_due(node, "0")
    renewal.begin(node, "1")
    assert not renewal.is_due(node, "1")
    assert not list(Path(node.file("scripts")).iterdir())


def test_a_label_that_was_followed_is_refused(node: Node) -> None:
    """The one before, and those before that; whoever names no label is let through."""
    for label in ("1", "2"):
        renewal.begin(node, label)
    for late in ("0", "1"):
        with pytest.raises(Refusal) as refused:
            renewal.is_due(node, late)
        assert refused.value.kind == "Gone"
    renewal.admit(node, None)
    renewal.admit(node, "2")


def test_a_renewal_does_not_wait_for_files(node: Node) -> None:
    """While files are brought, which may take long, a renewal is put off."""
    with node.files(patient=True), pytest.raises(Refusal) as refused:
        renewal.renew(node.root, {"node": node.name, "label": "1", "grace": 0})
    assert refused.value.kind == "Transient"
