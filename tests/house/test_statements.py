"""Code and sql/queries fit: every statement that code names is there, is called with the
parameters it has, and every statement that is there is named somewhere."""

import ast
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from halobestie.adapters.queries import QUERIES, queries
from tests.house.sources import Source, sources


class Use(NamedTuple):
    """One place in the code that names a statement, with its parameters if it calls it."""

    where: str
    file: str
    statement: str
    parameters: frozenset[str] | None


@cache
def _bindings() -> dict[str, str]:
    """The full name of every `name = queries("file")`, with its file."""
    found = {}
    for source in sources():
        for node in ast.walk(source.tree):
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Call(
                        func=ast.Name(id="queries"), args=[ast.Constant(value=str(file))]
                    ),
                ):
                    found[f"{source.name}.{name}"] = file
    return found


def _files_of(source: Source) -> dict[str, str]:
    """The names by which that module knows statements: its own and those it imports."""
    known = {
        full.rpartition(".")[2]: file
        for full, file in _bindings().items()
        if full.rpartition(".")[0] == source.name
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if file := _bindings().get(f"{source.origin(node)}.{alias.name}"):
                    known[alias.asname or alias.name] = file
    return known


def _uses(source: Source) -> Iterator[Use]:
    bound = _files_of(source)
    called: set[int] = set()
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name)) as statement) if (
                name in bound
            ):
                pass
            case ast.Call(
                func=ast.Attribute(attr="run"),
                args=[ast.Attribute(value=ast.Name(id=name)) as statement],
            ) if name in bound:
                pass
            case _:
                continue
        called.add(id(statement))
        named = [keyword.arg for keyword in node.keywords]
        parameters = None if None in named else frozenset(map(str, named))
        yield Use(f"{source.name}:{node.lineno}", bound[name], statement.attr, parameters)
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name)) if name in bound and id(node) not in called:
                yield Use(f"{source.name}:{node.lineno}", bound[name], node.attr, None)


def test_every_statement_that_code_names_is_there_and_gets_its_parameters() -> None:
    wrong = []
    for use in (use for source in sources() for use in _uses(source)):
        statements = {query.name.split(".")[1]: query for query in queries(use.file)}
        query = statements.get(use.statement)
        if query is None:
            wrong.append(f"{use.where}: sql/queries/{use.file}.sql has no {use.statement}")
        elif use.parameters is not None and use.parameters != set(query.parameters):
            wrong.append(f"{use.where}: {query!r} is called with {sorted(use.parameters)}")
    assert not wrong, "\n".join(wrong)


def test_every_statement_is_named_by_code() -> None:
    used = {(use.file, use.statement) for source in sources() for use in _uses(source)}
    there = {
        (path.stem, query.name.split(".")[1])
        for path in QUERIES.glob("*.sql")
        for query in queries(path.stem)
    }
    assert not there - used, f"statements that nothing runs: {sorted(there - used)}"
