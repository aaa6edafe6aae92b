"""Where each key and value of a TOML, YAML or JSON text stands, and which keys stand there twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import yaml
    from tree_sitter import Node

Path = tuple[str | int, ...]
"""Keys and list indices from the top of a document down to a value."""

LINE_END = 10**6
"""Where the first line of a value ends that goes on in the next."""


class Span(NamedTuple):
    """0-based line and columns in characters; `end` is exclusive and on the same line."""

    line: int
    column: int
    end: int


class Entry(NamedTuple):
    """Where a key, or in a list the value alone, stands."""

    key: Span
    value: Span


class Index(NamedTuple):
    """What stands where; of repeated keys, the last.

    Attributes:
        repeated: keys that a table has already, as far as the form lets them be told apart.
    """

    entries: dict[Path, Entry]
    repeated: list[tuple[str, Span]]


def index_toml(text: str) -> Index:
    """Map every path of a TOML text to its places; what is not well-formed is passed over."""
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    root = Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node
    walk = _TomlWalk(text.split("\n"))
    entries: dict[Path, Entry] = {}
    for path, entry in walk.walk(root):
        # A header also opens the tables above it; the first to name one is where it stands.
        entries.setdefault(path, entry)
    return Index(entries, walk.repeated)


class _TomlWalk:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.lengths: dict[Path, int] = {}
        self.declared: set[Path] = set()
        self.repeated: list[tuple[str, Span]] = []

    def walk(self, root: Node) -> Iterator[tuple[Path, Entry]]:
        yield from self.pairs(root, ())
        for header in root.named_children:
            key = next((child for child in header.named_children if child.type in _KEYS), None)
            if header.type not in ("table", "table_array_element") or key is None:
                continue
            appends = header.type == "table_array_element"
            path = self.header_path(key, appends)
            if not appends:
                self.declare(path, key)
            yield from self.named(key, path, path)
            yield from self.pairs(header, path)

    def declare(self, path: Path, key: Node) -> None:
        if path in self.declared:
            self.repeated.append((".".join(map(_toml_name, _toml_parts(key))), self.span(key)))
        self.declared.add(path)

    def header_path(self, key: Node, appends: bool) -> Path:
        path: Path = ()
        *parents, last = map(_toml_name, _toml_parts(key))
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
            if pair.type == "pair" and not pair.has_error:
                key, value = (child for child in pair.named_children if child.type != "comment")
                names = tuple(map(_toml_name, _toml_parts(key)))
                inner = (*path, *names)
                self.declare(inner, key)
                yield inner, Entry(self.span(_toml_parts(key)[-1]), self.span(value))
                yield from self.named(key, inner, names)
                yield from self.inside(value, inner)

    def named(self, key: Node, path: Path, names: Path) -> Iterator[tuple[Path, Entry]]:
        """Yield the tables that a key with dots opens, each at its own part; `names` is the end of `path`."""
        whole, parts = self.span(key), iter(_toml_parts(key))
        span = whole
        for length, name in enumerate(names, len(path) - len(names) + 1):
            span = self.span(next(parts)) if isinstance(name, str) else span
            yield path[:length], Entry(span, whole)

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


_KEYS = ("bare_key", "quoted_key", "dotted_key")


def _toml_parts(key: Node) -> list[Node]:
    return [part for child in key.named_children for part in _toml_parts(child)] if key.type == "dotted_key" else [key]


def _toml_name(part: Node) -> str:
    import tomllib

    text = (part.text or b"").decode()
    return text if part.type == "bare_key" else next(iter(tomllib.loads(f"{text} = 0")))


def index_json(text: str) -> Index:
    """Map every path of a valid JSON text to its places."""
    walk = _JsonWalk(text)
    walk.value((), *next(walk.tokens))
    return Index(walk.entries, walk.repeated)


# YAML's marks would do, but a JSON text need not be valid YAML: "key" and ":" on two lines, U+007F, long keys.
class _JsonWalk:
    def __init__(self, text: str) -> None:
        self.tokens = _json_tokens(text)
        self.entries: dict[Path, Entry] = {}
        self.repeated: list[tuple[str, Span]] = []

    def value(self, path: Path, token: str, span: Span, key: Span | None = None) -> None:
        if token in ("{", "["):
            last = self.members(path) if token == "{" else self.items(path)
            span = Span(span.line, span.column, last.end if last.line == span.line else LINE_END)
        self.entries[path] = Entry(key or span, span)

    def members(self, path: Path) -> Span:
        names = set()
        for token, span in self.tokens:
            if token == "}":
                break
            name = json.loads(token)
            if name in names:
                self.repeated.append((name, span))
            names.add(name)
            self.value((*path, name), *next(self.tokens), key=span)
        return span

    def items(self, path: Path) -> Span:
        for number, (token, span) in enumerate(self.tokens):
            if token == "]":
                break
            self.value((*path, number), token, span)
        return span


_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\],:"]+')


def _json_tokens(text: str) -> Iterator[tuple[str, Span]]:
    for number, line in enumerate(text.split("\n")):
        for match in _JSON_TOKEN.finditer(line):
            yield match[0], Span(number, match.start(), match.end())


def index_yaml(root: yaml.Node | None) -> Index:
    """Map every path of a composed YAML document to its places."""
    index = Index({}, [])
    if root is not None:
        _index_yaml(root, (), index)
    # What is merged into several mappings is met in each.
    return Index(index.entries, list(dict.fromkeys(index.repeated)))


def _index_yaml(node: yaml.Node, path: Path, index: Index) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for merged in reversed(_merged(node)):
            _index_yaml(merged, path, index)
        names = set()
        for key, value in node.value:
            inner, span = (*path, str(key.value)), yaml_span(key)
            if inner in names:
                index.repeated.append((key.value, span))
            names.add(inner)
            if key.tag != YAML_MERGE:
                index.entries[inner] = Entry(span, yaml_span(value))
                _index_yaml(value, inner, index)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            index.entries[(*path, number)] = Entry(yaml_span(item), yaml_span(item))
            _index_yaml(item, (*path, number), index)


YAML_MERGE = "tag:yaml.org,2002:merge"


def _merged(node: yaml.MappingNode) -> list[yaml.Node]:
    """Return what `<<` brings into a mapping, the strongest first."""
    import yaml

    found = [value for key, value in node.value if key.tag == YAML_MERGE]
    return [m for value in found for m in (value.value if isinstance(value, yaml.SequenceNode) else [value])]


def yaml_span(node: yaml.Node) -> Span:
    """Return the first line of a node."""
    start, end = node.start_mark, node.end_mark
    return Span(start.line, start.column, end.column if end.line == start.line else LINE_END)
