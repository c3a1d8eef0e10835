"""Test runs keep out of each other's way."""

import os
import subprocess
import sys

import pytest

from tests.claims import claim, ports


def test_what_somebody_has_nobody_else_gets() -> None:
    """The first that is free; one that was given up is free again; where all are had, that is said."""
    what = f"claims-{os.getpid()}"
    first, second = claim(what, 2), claim(what, 2)
    assert (first[1], second[1]) == (0, 1)
    with pytest.raises(RuntimeError, match="all 2 of claims"):
        claim(what, 2)
    first[0].close()
    again, number = claim(what, 2)
    assert number == 0
    for holder in (second[0], again):
        holder.close()


def test_processes_have_different_ports() -> None:
    """Each its own, and the same whenever it asks."""
    ours = ports()
    other = subprocess.run(
        [sys.executable, "-c", "from tests.claims import ports; print(ports()[0])"], capture_output=True, text=True
    )
    assert int(other.stdout) not in ours
    assert ports() == ours
