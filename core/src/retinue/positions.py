"""Where each key and value of a TOML, YAML or JSON text stands. Read only once there is a mistake to point at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import yaml
    from tree_sitter import Node

Path = tuple[str | int, ...]
"""Keys and list indices from the top of a document down to a value."""


class Span(NamedTuple):
    """0-based line and columns in characters; `end` is exclusive and on the same line."""

    line: int
    column: int
    end: int


class Entry(NamedTuple):
    """Where a key, or in a list the value alone, stands."""

    key: Span
    value: Span


def index_toml(text: str) -> dict[Path, Entry]:
    """Map every path of a valid TOML text to its places."""
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    root = Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node
    entries: dict[Path, Entry] = {}
    for path, entry in _TomlWalk(text.splitlines()).walk(root):
        # A header also opens the tables above it; the first to name one is where it stands.
        entries.setdefault(path, entry)
    return entries


class _TomlWalk:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.lengths: dict[Path, int] = {}

    def walk(self, root: Node) -> Iterator[tuple[Path, Entry]]:
        yield from self.pairs(root, ())
        for header in root.named_children:
            if header.type == "pair" or header.type == "comment":
                continue
            key = header.named_children[0]
            path = self.header_path(key, header.type == "table_array_element")
            span = self.span(key)
            for length in range(1, len(path) + 1):
                yield path[:length], Entry(span, span)
            yield from self.pairs(header, path)

    def header_path(self, key: Node, appends: bool) -> Path:
        path: Path = ()
        *parents, last = _toml_keys(key)
        for part in parents:
            path = self.enter((*path, part))
        path = (*path, last)
        if appends:
            self.lengths[path] = self.lengths.get(path, 0) + 1
        return self.enter(path)

    def enter(self, path: Path) -> Path:
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def pairs(self, table: Node, path: Path) -> Iterator[tuple[Path, Entry]]:
        for pair in table.named_children:
            if pair.type == "pair":
                key, value = (child for child in pair.named_children if child.type != "comment")
                inner = (*path, *_toml_keys(key))
                for length in range(len(path) + 1, len(inner)):
                    yield inner[:length], Entry(self.span(key), self.span(key))
                yield inner, Entry(self.span(key), self.span(value))
                yield from self.inside(value, inner)

    def inside(self, value: Node, path: Path) -> Iterator[tuple[Path, Entry]]:
        if value.type == "inline_table":
            yield from self.pairs(value, path)
        elif value.type == "array":
            items = (item for item in value.named_children if item.type != "comment")
            for number, item in enumerate(items):
                yield (*path, number), Entry(self.span(item), self.span(item))
                yield from self.inside(item, (*path, number))

    def span(self, node: Node) -> Span:
        line, start = node.start_point
        row, end = node.end_point
        # tree-sitter counts bytes.
        encoded = self.lines[line].encode()
        last = len(encoded) if row != line else end
        return Span(line, len(encoded[:start].decode()), len(encoded[:last].decode()))


def _toml_keys(node: Node) -> list[str]:
    import tomllib

    if node.type == "dotted_key":
        return [part for child in node.named_children for part in _toml_keys(child)]
    text = (node.text or b"").decode()
    return [text] if node.type == "bare_key" else list(tomllib.loads(f"{text} = 0"))


def index_yaml(root: yaml.Node) -> dict[Path, Entry]:
    """Map every path of a composed YAML or JSON document to its places; of repeated keys, the last."""
    entries: dict[Path, Entry] = {}
    _index_yaml(root, (), entries, frozenset())
    return entries


def _index_yaml(node: yaml.Node, path: Path, entries: dict[Path, Entry], above: frozenset[int]) -> None:
    import yaml

    if id(node) in above:
        return
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            entries[inner] = Entry(yaml_span(key), yaml_span(value))
            _index_yaml(value, inner, entries, above)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            entries[(*path, number)] = Entry(yaml_span(item), yaml_span(item))
            _index_yaml(item, (*path, number), entries, above)


def yaml_span(node: yaml.Node) -> Span:
    """Return the first line of a node."""
    start, end = node.start_mark, node.end_mark
    return Span(start.line, start.column, end.column if end.line == start.line else 10**6)
