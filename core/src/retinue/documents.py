"""Texts in TOML, YAML or JSON: their values, and where each value stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from retinue.errors import Position, Problem, SpecError
from retinue.positions import YAML_MERGE, Index, Path, Span, index_json, index_toml, index_yaml

if TYPE_CHECKING:
    import yaml

N = TypeVar("N", int, float)

SUFFIXES = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}

# What nobody writes by hand: a few lines of YAML can unfold to gigabytes, or refer to themselves.
DEEPEST, LARGEST = 64, 100_000

START = Span(0, 0, 1)


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
        entry = self._index.entries.get(path)
        return self.position(entry.key if key else entry.value) if entry else None

    def position(self, span: Span) -> Position:
        """Return a span of this text as a person counts it."""
        line = min(span.line, len(self._lines) - 1)
        return Position(self.name, line + 1, span.column + 1, span.end + 1, self._lines[line])

    def fail(self, message: str, span: Span, note: str | None = None) -> NoReturn:
        raise SpecError([Problem(message, self.position(span), note=note)]) from None

    @cached_property
    def _lines(self) -> list[str]:
        # YAML alone counts the line breaks of Unicode.
        return re.split("\r\n|[\r\n\x85\u2028\u2029]" if self.form == "yaml" else "\r?\n", self.text)

    @cached_property
    def _index(self) -> Index:
        if self.form == "yaml":
            import yaml

            return index_yaml(yaml.compose(self.text, Loader=_yaml_loader()))
        return index_toml(self.text) if self.form == "toml" else index_json(self.text)

    def _parse(self) -> dict[str, Any]:
        try:
            values = {"toml": self._parse_toml, "yaml": self._parse_yaml, "json": self._parse_json}[self.form]()
        except RecursionError:
            self.fail("nested too deeply", START)
        except ValueError:
            self.fail("a number has too many digits", START)
        if not isinstance(values, dict):
            self.fail(f"a table of keys and values is needed, this is {name_type(values)}", START)
        self._refuse_monsters(values)
        if self.form != "toml":
            self._refuse_repeated_keys()
        return values

    def _parse_toml(self) -> Any:
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            message, line, column = _split_toml_message(str(error), self.text)
            if message.startswith(("Cannot", "Duplicate")):
                self._refuse_repeated_keys()
            self.fail(f"not valid TOML: {message}", Span(line, column, column + 1))

    def _parse_json(self) -> Any:
        try:
            return json.loads(self.text)
        except json.JSONDecodeError as error:
            self.fail(f"not valid JSON: {error.msg}", Span(error.lineno - 1, error.colno - 1, error.colno))

    def _parse_yaml(self) -> Any:
        import yaml

        try:
            values = yaml.load(self.text, Loader=_yaml_loader())
            return {} if values is None else values
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            self.fail(f"not valid YAML: {error.problem or error.context}", Span(line, column, column + 1))
        except yaml.reader.ReaderError as error:
            before = self.text[: error.position].split("\n")
            column = len(before[-1])
            self.fail(f"not valid YAML: {error.reason}", Span(len(before) - 1, column, column + 1))

    def _refuse_monsters(self, values: Any) -> None:
        waiting, number = [(values, 1)], 0
        while waiting:
            value, depth = waiting.pop()
            number += 1
            if depth > DEEPEST or number > LARGEST:
                self.fail("nested too deeply" if depth > DEEPEST else "too large", START)
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            waiting += [(below, depth + 1) for below in inner]

    def _refuse_repeated_keys(self) -> None:
        repeated = [Problem(f'"{key}" is written twice', self.position(span)) for key, span in self._index.repeated]
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
        return Document(str(path), path.read_text(encoding="utf-8-sig"), form)
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
    # Dotted keys come as Python's tuples.
    message = re.sub(r"\('([^)]*)',?\)", lambda key: '"' + key[1].replace("', '", ".").rstrip("',") + '"', message)
    match = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if match is None or match[1] is None:
        lines = text.splitlines() or [""]
        return re.sub(r" \(at end of document\)$", "", message), len(lines) - 1, len(lines[-1])
    return message[: match.start()], int(match[1]) - 1, int(match[2]) - 1


def _yaml_loader() -> type[yaml.SafeLoader]:
    """Return a safe loader with YAML 1.2's scalars: `no` is a text and `1e-3` a number, and every key is a text."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012

        def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
            node: yaml.MappingNode = super().compose_mapping_node(anchor)
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != YAML_MERGE:
                    key.tag = "tag:yaml.org,2002:str"
            return node

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
    return _read_number(node, lambda text: int(text, 0 if text[:2] in ("0o", "0x") else 10))


def _construct_float(_: Any, node: yaml.ScalarNode) -> float:
    return _read_number(node, lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")))


def _read_number(node: yaml.ScalarNode, read: Callable[[str], N]) -> N:
    import yaml

    try:
        return read(node.value)
    except ValueError:
        raise yaml.constructor.ConstructorError(problem="no number", problem_mark=node.start_mark) from None
