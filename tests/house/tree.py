"""What the rules are about: the files of this repository, and the Python in them."""

import ast
import functools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "skyserve"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def files(suffix: str = "") -> tuple[Path, ...]:
    """Every file that is or would be committed, whose name ends so."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    found = (ROOT / name for name in sorted(set(names)) if name.endswith(suffix))
    return tuple(path for path in found if path.is_file())


@dataclass(frozen=True)
class Module:
    """One Python file, read."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its path from the root of the repository."""
        return str(self.path.relative_to(ROOT))

    def functions(self) -> Iterator[FunctionNode]:
        """All of them, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, FunctionNode))


@functools.cache
def modules() -> tuple[Module, ...]:
    """Every Python file."""
    texts = ((path, path.read_text()) for path in files(".py"))
    return tuple(Module(path, text, ast.parse(text)) for path, text in texts)


def below(folder: Path) -> Iterator[Module]:
    """The Python files in a folder."""
    return (module for module in modules() if module.path.is_relative_to(folder))
