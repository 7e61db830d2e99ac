"""The Python files of the house and what each imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Source(NamedTuple):
    """One module."""

    path: Path
    name: str
    tree: ast.Module

    def imports(self) -> Iterator[str]:
        """The full name of everything it imports, wherever in the file that stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = self.origin(node)
                yield from (f"{origin}.{alias.name}" for alias in node.names)

    def origin(self, node: ast.ImportFrom) -> str:
        """The full name of the module that a `from … import` in it means."""
        above = self.name.split(".")
        if self.path.name != "__init__.py":
            above = above[:-1]
        above = above[: len(above) - node.level + 1] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])


@cache
def sources() -> list[Source]:
    """Every module of the two packages."""
    found = []
    for package in ("actors", "halobestie"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            tree = ast.parse(path.read_text())
            found.append(Source(path, name.removesuffix(".__init__"), tree))
    return found
