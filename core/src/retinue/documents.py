"""Texts in TOML, YAML or JSON: their values, and where each value stands."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, NoReturn

from retinue.errors import Position, Problem, SpecError
from retinue.positions import Index, Path, Span, index_json, index_toml, index_yaml
from retinue.yaml_loader import DEEPEST, LARGEST, yaml_loader

SUFFIXES = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}

# Python reads whole numbers of any length in base 16, but writes none of more than 4,300 digits.
MOST_BITS = 14_000

# Half a pair of UTF-16, which "\ud800" stands for in JSON and YAML: no file or terminal takes it.
HALF_CHARACTER = re.compile("[\ud800-\udfff]")

YAML_BREAK = "\r\n|[\r\n\x85\u2028\u2029]"

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
        return re.split(YAML_BREAK if self.form == "yaml" else "\r?\n", self.text)

    @cached_property
    def _index(self) -> Index:
        if self.form == "yaml":
            import yaml

            return index_yaml(yaml.compose(self.text, Loader=yaml_loader()))
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
            loader = yaml_loader()(self.text)
        except yaml.reader.ReaderError as error:
            before = re.split(YAML_BREAK, self.text[: error.position])
            self._fail_yaml(error.reason, len(before) - 1, len(before[-1]))
        try:
            values = loader.get_single_data()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._fail_yaml(error.problem or error.context, mark.line if mark else 0, mark.column if mark else 0)
        # PyYAML computes what an escape such as "\U00110000" stands for, and the version in %YAML, unguarded.
        except (ValueError, OverflowError):
            self._fail_yaml("a number out of range", loader.line, loader.column)
        return {} if values is None else values

    def _fail_yaml(self, message: str | None, line: int, column: int) -> NoReturn:
        self.fail(f"not valid YAML: {message}", Span(line, column, column + 1))

    def _refuse_monsters(self, values: Any) -> None:
        waiting: list[tuple[Path, Any]] = [((), values)]
        number = 0
        while waiting:
            path, value = waiting.pop()
            number += 1
            if len(path) >= DEEPEST or number > LARGEST:
                self.fail("nested too deeply" if len(path) >= DEEPEST else "too large", START)
            if isinstance(value, int) and value.bit_length() > MOST_BITS:
                self._fail_at(path, "a number has too many digits")
            if any(isinstance(text, str) and HALF_CHARACTER.search(text) for text in (value, *path[-1:])):
                self._fail_at(path, "half a character: the other half of a pair is missing")
            inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            waiting += [((*path, key), below) for key, below in inner]

    def _fail_at(self, path: Path, message: str) -> NoReturn:
        raise SpecError([Problem(message, self.locate(path))])

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
