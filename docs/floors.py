"""Draw the floors and rooms of the code from its imports: `uv run python docs/floors.py`.

A room is a folder, or a module that stands beside folders. An arrow says "imports", and is left out
where a detour over other arrows says it already.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
FLOORS = {
    "soloface": "soloface: runs",
    "connectors": "connectors: talk",
    "dataflow": "dataflow: decides",
}
Graph = dict[str, set[str]]


def room_of(module: str) -> str:
    """The room of a module, by its dotted name: the folder on its floor, or itself."""
    return ".".join(module.split(".")[:2])


def rooms() -> Graph:
    """Every room, and the rooms that it imports from."""
    graph: Graph = {}
    for floor in FLOORS:
        for path in sorted((REPOSITORY / floor).rglob("*.py")):
            name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
            name = name.removesuffix(".__init__")
            if name in FLOORS:
                continue  # what a floor says of itself
            needed = graph.setdefault(room_of(name), set())
            needed |= {room_of(other) for other in _imports(path)} - {room_of(name)}
    return graph


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FLOORS:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if _is_module(inner) else node.module or ""


def _is_module(name: str) -> bool:
    path = REPOSITORY.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def essential(graph: Graph) -> Iterator[tuple[str, str]]:
    """The arrows that no detour replaces."""
    for room, needed in sorted(graph.items()):
        for other in sorted(needed):
            if not any(other in reachable(middle, graph) for middle in needed - {other}):
                yield room, other


def reachable(start: str, graph: Graph) -> set[str]:
    """Every room that one leads to."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for room in graph.get(waiting.pop(), set()) - found:
            found.add(room)
            waiting.append(room)
    return found


def drawing() -> str:
    """The picture as Mermaid."""
    graph = rooms()
    lines = ["flowchart TD"]
    for floor, title in FLOORS.items():
        lines.append(f'subgraph {floor}_floor["{title}"]')
        lines += [
            f'{room}["{room.removeprefix(f"{floor}.")}"]'
            for room in sorted(graph)
            if room.partition(".")[0] == floor
        ]
        lines.append("end")
    lines += [f"{room} --> {other}" for room, other in essential(graph)]
    return "\n".join(lines).replace(".", "_").replace("_floor", "")


if __name__ == "__main__":
    sys.stdout.write(drawing() + "\n")
