"""Rules for the code: it is read in one sitting, says what it is for, and holds nothing that nobody uses."""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator

from tests.house.tree import ROOT, SOURCE, below, files, modules

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
VAGUE_NAMES = {"base_utils", "common", "helper", "helpers", "lib", "misc", "stuff", "util", "utils"}
FOR_PROGRAMS = {"parse_task"}
"""What stands in the package for the programs of others."""
PUBLIC_NODES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def test_every_module_says_what_it_is_for() -> None:
    """A module of the package begins with a docstring."""
    assert [module.name for module in below(SOURCE) if not ast.get_docstring(module.tree)] == []


def test_every_public_name_has_its_meaning() -> None:
    """What other modules may use has a docstring."""
    bare = [
        f"{module.name}:{node.lineno} {node.name}"
        for module in below(SOURCE)
        for node in module.tree.body
        if isinstance(node, PUBLIC_NODES) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not bare, "\n".join(bare)


def test_a_file_is_read_in_one_sitting() -> None:
    """No Python file is longer than can be kept in mind."""
    lengths = {module.name: len(module.text.splitlines()) for module in modules()}
    assert {name: length for name, length in lengths.items() if length > LINES_OF_A_FILE} == {}


def test_a_function_fits_a_screen() -> None:
    """No function is longer than can be seen at once."""
    long = [
        f"{module.name}:{function.lineno} {function.name}"
        for module in modules()
        for function in module.functions()
        if (function.end_lineno or 0) - function.lineno >= LINES_OF_A_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_names_of_files_say_what_is_in_them() -> None:
    """No file is a drawer for whatever has no place."""
    assert [str(path.relative_to(ROOT)) for path in files() if path.stem.lower() in VAGUE_NAMES] == []


def test_nothing_is_defined_that_nobody_uses() -> None:
    """Each function, class and constant of the package is mentioned somewhere beyond its definition and its tests."""
    mentions = Counter(word for module in below(SOURCE) for word in _words(module.text))
    mentions.update(
        word for path in files() if path.is_relative_to(ROOT / "bench") for word in _words(path.read_text())
    )
    named = (pair for pair in _definitions() if not pair[1].startswith("__"))  # those Python itself looks for
    unused = [f"{name} {defined}" for name, defined in named if mentions[defined] < 2 and defined not in FOR_PROGRAMS]
    assert not unused, "\n".join(unused)


def _definitions() -> Iterator[tuple[str, str]]:
    for module in below(SOURCE):
        if "migrations" not in module.path.parts:  # Alembic calls these by their names
            for node in module.tree.body:
                yield from ((module.name, defined) for defined in _defined(node))


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, PUBLIC_NODES):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_what_is_exported_is_there() -> None:
    """`__all__` names only what the module has, and each name once."""
    for module in below(SOURCE):
        if "__all__" in module.text:
            parts = module.path.relative_to(SOURCE.parent).with_suffix("").parts
            imported = importlib.import_module(".".join(parts).removesuffix(".__init__"))
            assert [name for name in imported.__all__ if not hasattr(imported, name)] == []
            assert len(set(imported.__all__)) == len(imported.__all__), module.name


def test_every_test_tells_the_behaviour_it_holds() -> None:
    """Each test has a docstring, so that a failure says what was promised."""
    bare = [
        f"{module.name}:{function.lineno} {function.name}"
        for module in below(ROOT / "tests")
        for function in module.functions()
        if function.name.startswith("test_") and module.path.name.startswith("test_")
        if not ast.get_docstring(function)
    ]
    assert not bare, "\n".join(bare)
