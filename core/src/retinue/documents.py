"""Texts in TOML, YAML or JSON: their values, and where each value stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, NoReturn

from retinue.errors import Position, Problem, SpecError
from retinue.positions import Entry, Path, Span, index_toml, index_yaml, yaml_span

if TYPE_CHECKING:
    import yaml

SUFFIXES = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}


class Document:
    """One parsed text.

    Attributes:
        name: what positions call it.
        text: as it was read.
        values: the tables that it holds.
    """

    def __init__(self, name: str, text: str, form: str) -> None:
        """Parse `text`, whose `form` is "toml", "yaml" or "json".

        Raises:
            SpecError: the text is not well-formed, names a key twice, or is no table at its top.
        """
        self.name = name
        self.text = text
        self.form = form
        self.values: dict[str, Any] = self._parse()

    def locate(self, path: Path, key: bool = False) -> Position | None:
        """Return where the value at `path`, or its key, stands; None where the text does not have it."""
        if not path:
            return self.position(Span(0, 0, len(self.text.split("\n", 1)[0])))
        entry = self._entries.get(path)
        return self.position(entry.key if key else entry.value) if entry else None

    def position(self, span: Span) -> Position:
        """Return a span of this text as a person counts it."""
        lines = self.text.splitlines() or [""]
        line = min(span.line, len(lines) - 1)
        return Position(self.name, line + 1, span.column + 1, span.end + 1, lines[line])

    def fail(self, message: str, span: Span, note: str | None = None) -> NoReturn:
        raise SpecError([Problem(message, self.position(span), note=note)]) from None

    @cached_property
    def _entries(self) -> dict[Path, Entry]:
        return index_toml(self.text) if self.form == "toml" else index_yaml(self._composed)

    @cached_property
    def _composed(self) -> yaml.Node:
        import yaml

        # YAML takes no tabs between tokens, which is where JSON has them.
        text = self.text.replace("\t", " ") if self.form == "json" else self.text
        node: yaml.Node | None = yaml.compose(text, Loader=_yaml_loader())
        return node or yaml.MappingNode("tag:yaml.org,2002:map", [])

    def _parse(self) -> dict[str, Any]:
        values = {"toml": self._parse_toml, "yaml": self._parse_yaml, "json": self._parse_json}[self.form]()
        if not isinstance(values, dict):
            self.fail(f"a table of keys and values is needed, this is {name_type(values)}", Span(0, 0, 1))
        return values

    def _parse_toml(self) -> Any:
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            message, line, column = _split_toml_message(str(error), self.text)
            self.fail(f"not valid TOML: {message}", Span(line, column, column + 1))

    def _parse_json(self) -> Any:
        try:
            values = json.loads(self.text)
        except json.JSONDecodeError as error:
            self.fail(f"not valid JSON: {error.msg}", Span(error.lineno - 1, error.colno - 1, error.colno))
        except RecursionError:
            self.fail("nested too deeply", Span(0, 0, 1))
        self._refuse_repeated_keys()
        return values

    def _parse_yaml(self) -> Any:
        import yaml

        try:
            self._refuse_repeated_keys()
            values = yaml.load(self.text, Loader=_yaml_loader())
            return {} if values is None else values
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            self.fail(f"not valid YAML: {error.problem or error.context}", Span(line, column, column + 1))
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self.fail(f"not valid YAML: {error}", Span(0, 0, 1))

    def _refuse_repeated_keys(self) -> None:
        repeated = [
            Problem(f'"{key.value}" is written twice', self.position(yaml_span(key)))
            for key in _repeated_keys(self._composed)
        ]
        if repeated:
            raise SpecError(repeated)


def read_document(path: FilePath) -> Document:
    """Read a file by its suffix.

    Raises:
        SpecError: it cannot be read, or is not well-formed.
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        known = ", ".join(SUFFIXES)
        raise SpecError([Problem(f'{path}: a spec ends in {known}, not in "{path.suffix}"')])
    try:
        return Document(str(path), path.read_text(encoding="utf-8"), form)
    except UnicodeDecodeError:
        raise SpecError([Problem(f"{path}: not a UTF-8 text")]) from None
    except OSError as error:
        raise SpecError([Problem(f"{path}: {(error.strerror or str(error)).lower()}")]) from None


def name_type(value: Any) -> str:
    """Return what a person calls the type of a value in a spec."""
    names = {
        bool: "a true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "nothing" if value is None else f"a {type(value).__name__}")


def _split_toml_message(message: str, text: str) -> tuple[str, int, int]:
    match = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if match is None or match[1] is None:
        lines = text.splitlines() or [""]
        return re.sub(r" \(at end of document\)$", "", message), len(lines) - 1, len(lines[-1])
    return message[: match.start()], int(match[1]) - 1, int(match[2]) - 1


def _repeated_keys(node: yaml.Node) -> Iterator[yaml.Node]:
    import yaml

    seen: set[int] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            yield from (
                key
                for number, (key, _) in enumerate(node.value)
                if isinstance(key, yaml.ScalarNode) and key.value in names[:number]
            )
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _yaml_loader() -> type[yaml.SafeLoader]:
    """Return a safe loader with YAML 1.2's scalars: `no` is a text and `1e-3` a number."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012

    number = "-+.0123456789"
    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list(number)),
        (
            "float",
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
            list(number),
        ),
        ("merge", r"<<", ["<"]),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), first)
    Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
    Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
    return Loader


def _construct_int(_: Any, node: yaml.ScalarNode) -> int:
    # YAML 1.1 would read 010 as octal and 1:30 in base 60.
    digits: str = node.value
    return int(digits, 0) if digits[:2] in ("0o", "0x") else int(digits)


def _construct_float(_: Any, node: yaml.ScalarNode) -> float:
    text: str = node.value.lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))
