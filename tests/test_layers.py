"""Imports go one way, down to the oracle; there are no circles; no room outgrows the house."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "reference_impl"

# From the ground up. A module may import its own room, and rooms below it. Modules of the oracle are one room.
ROOMS = (
    "oracle",
    "exact",
    "cases",
    "explain",
    "bugs",
    "backends",
    "verdicts",
    "run",
    "mistakes",
    "diagnosis",
    "scoring",
    "report",
    "drawing",
    "vectors",
    "conversion",
    "conformance",
    "testing",
    "sweep",
    "passport",
    "cli",
)
# The room of each module that is in no folder. A new one must be named here.
_TOP = dict.fromkeys(
    (
        "arguments",
        "arithmetic",
        "axis_order",
        "definition",
        "depthwise",
        "framework_sizes",
        "geometry",
        "minimal",
        "operations",
        "problems",
        "windows",
    ),
    "oracle",
) | {
    "__init__": "exact",
    "options": "cases",
    "console": "cases",
    "files": "cases",
    "exit_status": "cases",
    "stopping": "cases",
    "words": "cases",
    "cli": "cli",
    "compare_command": "cli",
    "verify_command": "cli",
    "verify_run": "cli",
    "__main__": "cli",
}

FILES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}


_tree = cache(ast.parse)  # several tests read each file


def room_of(module: str) -> str:
    first, _, rest = module.partition(".")
    return first if rest else _TOP[first]


def imported_by(module: str, source: str, files=FILES) -> Iterator[str]:
    """The modules of the package that a module imports when it is loaded."""
    package = module.split(".")[:-1]
    for node in _at_load_time(_tree(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "reference_impl":
                    yield next(".".join(c) for c in (parts[1:], [*parts[1:], "__init__"]) if ".".join(c) in files)
            continue
        if not node.level and not (node.module or "").startswith("reference_impl"):
            continue
        if node.level:
            base = package[: len(package) - node.level + 1]
            named = [*base, *(node.module or "").split(".")] if node.module else base
        else:
            named = node.module.split(".")[1:]
        for alias in node.names:
            for candidate in ([*named, alias.name], [*named, alias.name, "__init__"], named, [*named, "__init__"]):
                if ".".join(candidate) in files:
                    yield ".".join(candidate)
                    break


def _at_load_time(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements outside functions and outside `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _at_load_time(node)


def upward(module: str, source: str) -> list[str]:
    floor = ROOMS.index(room_of(module))
    return [f"{module} -> {other}" for other in imported_by(module, source) if ROOMS.index(room_of(other)) > floor]


def assigned_elsewhere(source: str) -> list[str]:
    """Attributes of imported modules that are assigned to."""
    tree = _tree(source)
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    targets = (
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )
    return [
        ast.unparse(target)
        for target in targets
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id in imported
    ]


def test_imports_go_down():
    assert [line for module, path in sorted(FILES.items()) for line in upward(module, path.read_text())] == []


def test_upward_import_is_seen():
    assert upward("run.judge", "from ..report.tally import Tally\n") == ["run.judge -> report.tally"]
    assert upward("run.judge", "import reference_impl.report.tally\n") == ["run.judge -> report.tally"]
    assert upward("exact.slices", "from ..cases import case\n") == ["exact.slices -> cases.case"]
    assert upward("run.judge", "def later():\n    from ..report.tally import Tally\n") == []


def test_no_circle_of_imports():
    graph = {module: set(imported_by(module, path.read_text())) - {module} for module, path in FILES.items()}
    list(TopologicalSorter(graph).static_order())


def test_circle_is_seen():
    files = {"run.judge": None, "run.known": None}
    graph = {
        "run.judge": set(imported_by("run.judge", "from .known import find\n", files)),
        "run.known": set(imported_by("run.known", "from . import judge\n", files)),
    }
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph).static_order())


def test_no_module_is_assigned_to_from_another():
    found = {module: assigned_elsewhere(path.read_text()) for module, path in FILES.items()}
    assert {module: targets for module, targets in found.items() if targets} == {}


def test_assignment_to_another_module_is_seen():
    assert assigned_elsewhere("from . import known\nknown.known_failures = tuple\n") == ["known.known_failures"]


def test_module_of_no_room_is_refused():
    with pytest.raises(KeyError):
        room_of("utilities")


def test_definition_imports_nothing():
    tree = ast.parse(FILES["definition"].read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_is_above_a_quarter_of_the_lines(room):
    lines = {module: len(path.read_text().splitlines()) for module, path in FILES.items()}
    here = sum(count for module, count in lines.items() if room_of(module) == room)
    assert here <= sum(lines.values()) / 4
