"""The packed machine-side tool, and what it says."""

import ast
import io
import json
import os
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path

import pytest

from skyserve.contracts.errors import Gone, NoCapacity, Transient
from skyserve.infra.machine import bundle, protocol
from skyserve.infra.machine.node import records
from skyserve.infra.machine.node.refusal import Refusal

_SOURCES = {f.name: f for f in resources.files("skyserve.infra.machine.node").iterdir() if f.name.endswith(".py")}


@pytest.mark.parametrize("name", sorted(_SOURCES))
def test_the_tool_runs_on_old_machines(name: str) -> None:
    """Every module is Python 3.8 by its syntax, and imports only the standard library and its own siblings."""
    tree = ast.parse(_SOURCES[name].read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1 or (node.module or "").partition(".")[0] in sys.stdlib_module_names


def test_equal_sources_make_equal_files() -> None:
    """The name tells the contents, so packing again gives the same bytes; every module is in it."""
    first = bundle.tool()
    bundle.tool.cache_clear()
    assert bundle.tool() == first
    packed = set(zipfile.ZipFile(io.BytesIO(first.data)).namelist())
    assert packed == {"__main__.py", *(f"node/{name}" for name in _SOURCES)}


def test_a_run_answers_one_line(tmp_path: Path) -> None:
    """The packed tool reads a request and answers in JSON, also from where it may not unpack itself."""
    packed = tmp_path / "tool" / bundle.tool().name
    packed.parent.mkdir()
    packed.write_bytes(bundle.tool().data)
    request = protocol.request_line("list", str(tmp_path / "root"), {})
    for _ in range(2):
        done = subprocess.run([sys.executable, "-I", "-S", packed], input=request, stdout=subprocess.PIPE, check=True)
        assert protocol.reply(done.stdout, "here") == {"nodes": []}
    assert (tmp_path / "tool" / packed.stem / "node" / "main.py").exists()
    assert sorted(os.listdir(packed.parent)) == [packed.stem, packed.name]


def test_refusals_become_the_contracts_errors() -> None:
    """An error names its machine; what is no answer at all is Transient."""
    line = json.dumps({"error": {"kind": "NoCapacity", "message": "asked for 2, 1 of 4 free"}}).encode()
    with pytest.raises(NoCapacity, match=r"host-7: asked for 2, 1 of 4 free"):
        protocol.reply(line, "host-7")
    for nothing in (b"", b"bash: python3: command not found\n"):
        with pytest.raises(Transient, match="host-7"):
            protocol.reply(nothing, "host-7")


@pytest.mark.parametrize("name", ["../escape", "", ".hidden", "a/b"])
def test_a_node_cannot_be_named_out_of_its_directory(name: str, tmp_path: Path) -> None:
    """A name that would lead elsewhere is no node."""
    with pytest.raises(Refusal) as refused:
        records.Node(str(tmp_path), name)
    assert refused.value.kind == Gone.__name__
