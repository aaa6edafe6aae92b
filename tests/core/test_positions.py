"""Each key and value is found where a reader of the text sees it."""

from __future__ import annotations

import json
import random
import tomllib
from typing import Any

import pytest
import tomlkit
import yaml

from retinue.documents import Document
from retinue.errors import Position

TOML = {
    "bare": ("a = 1\nb = HERE\n", ("b",)),
    "dotted key": ("a.b.c = HERE", ("a", "b", "c")),
    "quoted keys": ("\"a b\".'c.d' = HERE", ("a b", "c.d")),
    "escape in a key": ('"\\u00e9".x = HERE', ("é", "x")),
    "escape in a lone key": ('"a\\tb" = HERE', ("a\tb",)),
    "table": ("[a]\nx = 1\n[b.c]\nx = HERE", ("b", "c", "x")),
    "table with spaces": ("  [ a . 'b' ]  # note\n  x  =  HERE", ("a", "b", "x")),
    "table above comes later": ("[a.b]\nx = 1\n[a]\nx = HERE", ("a", "x")),
    "dotted key in a table": ("[a]\nb.c = HERE", ("a", "b", "c")),
    "arrays of tables": ("[[l]]\nx = 1\n[[l]]\nx = HERE", ("l", 1, "x")),
    "table in an array of tables": ("[[l]]\n[l.m]\nx = 1\n[[l]]\n[l.m]\nx = HERE", ("l", 1, "m", "x")),
    "arrays of tables in one another": (
        "[[l]]\n[[l.m]]\n[[l.m]]\n[[l]]\n[[l.m]]\n[[l.m]]\nx = HERE",
        ("l", 1, "m", 1, "x"),
    ),
    "array of tables in a table": ("[a]\n[[a.l]]\nx = 1\n[[a.l]]\nx = HERE\n[b]", ("a", "l", 1, "x")),
    "array": ("a = [1, [2, HERE]]", ("a", 1, 1)),
    "inline table": ("a = { b = [1, { c = 1, d.e = HERE }] }", ("a", "b", 1, "d", "e")),
    "comments in an array": ("a = [ # [one\n  1, # two\n  # three\n  HERE,\n]", ("a", 1)),
    "comments between": ("# a = 1\n\na = 1 # b = 2\n# [c]\nb = HERE", ("b",)),
    "after a long text": ('a = """\n[b]\nc = 1\n"""\nb = HERE', ("b",)),
    "after a literal text": ("a = '''\nb = 1\n'''\nb = HERE", ("b",)),
    "after other letters": ('a = { "é😀" = "日本", b = HERE }', ("a", "b")),
    "after a line break of Unicode": ('a = "x\u2028y\x85z"\nb = HERE', ("b",)),
    "after a tab": ("a\t=\t[\t1,\tHERE]", ("a", 1)),
    "DOS line ends": ("a = 1\r\n[b]\r\nc = [\r\n  1,\r\n  HERE,\r\n]\r\n", ("b", "c", 1)),
    "other values": ("a = 1979-05-27T07:32:00Z\nb = [0x1F, 1_000, inf, -nan, 07:32:00, HERE]", ("b", 5)),
}
YAML = {
    "block": ("a: 1\nb:\n  c: HERE\n", ("b", "c")),
    "flow": ("a: {b: [1, {c: HERE}]}", ("a", "b", 1, "c")),
    "list in a block": ("a:\n- x: 1\n- y: 1\n  x: HERE\n", ("a", 1, "x")),
    "list in a list": ("a:\n- - 1\n  - HERE\n", ("a", 0, 1)),
    "quoted keys": ("'a b': {\"c\\u00e9\": HERE}", ("a b", "cé")),
    "explicit key": ("? a\n: HERE\n", ("a",)),
    "key that is a number": ("1.50: {0x1F: {null: {no: HERE}}}", ("1.50", "0x1F", "null", "no")),
    "comments": ("# b: 1\na: 1 # b: 2\n\nb: HERE\n", ("b",)),
    "start of a document": ("%YAML 1.2\n---\nb: HERE\n", ("b",)),
    "after a literal text": ("a: |\n  b: 1\n\n  c: 2\nb: HERE\n", ("b",)),
    "after a folded text": ("a: >-\n  x\n  y\nb: HERE\n", ("b",)),
    "a text of several lines": ("a: 1\nb: HERE\n  goes on\n", ("b",)),
    "after a text of several lines": ("a: x\n  goes on\nb: HERE\n", ("b",)),
    "alias stands where its anchor does": ("a: &x {c: HERE}\nb: *x\n", ("b", "c")),
    "merged keys": ("a: &x {c: HERE, d: 1}\nb:\n  <<: *x\n  d: 2\n", ("b", "c")),
    "key over a merged one": ("a: &x {c: 1}\nb:\n  c: HERE\n  <<: *x\n", ("b", "c")),
    "first of several merged": ("a: &x {c: HERE}\nb: &y {c: 1}\nd: {<<: [*x, *y]}\n", ("d", "c")),
    "key called <<": ("'<<': {c: HERE}\n", ("<<", "c")),
    "after other letters": ("a: {é😀: 日本, b: HERE}", ("a", "b")),
    "after a line break of Unicode": ('a: "x\u2028  y"\nb: HERE\n', ("b",)),
    "DOS line ends": ("a: 1\r\nb:\r\n  - 1\r\n  - HERE\r\n", ("b", 1)),
}
JSON = {
    "one line": ('{"a":[1,{"b":HERE}]}', ("a", 1, "b")),
    "lines": ('{\n  "a": {\n    "b": [\n      1,\n      HERE\n    ]\n  }\n}', ("a", "b", 1)),
    "tabs": ('{\n\t"a":\t{\t"b":\tHERE\t}\n}', ("a", "b")),
    "colon in the next line": ('{"a"\n:\nHERE}', ("a",)),
    "escapes": ('{"a\\"}": "\\\\", "b": HERE}', ("b",)),
    "escape in a key": ('{"\\u00e9\\ud83d\\ude00": {"b": HERE}}', ("é😀", "b")),
    "brackets in a text": ('{"a": "}],{[:", "b": HERE}', ("b",)),
    "empty ones before": ('{"a": [], "b": {}, "c": [{}, [], HERE]}', ("c", 2)),
    "after other letters": ('{"é😀": "日本", "b": HERE}', ("b",)),
    "after a line break of Unicode": ('{"a": "x\u2028\x85y",\n"b": HERE}', ("b",)),
    "control characters that YAML refuses": ('{"a": "\x7f\x80", "b": HERE}', ("b",)),
    "long key": (f'{{"{"k" * 2000}": {{"b": HERE}}}}', ("k" * 2000, "b")),
    "numbers before": ('{"a": [-1.5e+3, 0, true, null, NaN, -Infinity], "b": HERE}', ("b",)),
    "DOS line ends": ('{\r\n  "a": 1,\r\n  "b": HERE\r\n}\r\n', ("b",)),
}
CASES = [
    pytest.param(form, text, path, id=f"{form}: {name}")
    for form, table in (("toml", TOML), ("yaml", YAML), ("json", JSON))
    for name, (text, path) in table.items()
]


def start_of(text: str, word: str) -> tuple[int, int]:
    before = text[: text.index(word)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def start(position: Position | None) -> tuple[int, int]:
    assert position is not None
    return position.line, position.column


@pytest.mark.parametrize(("form", "text", "path"), CASES)
def test_value_is_where_it_stands(form: str, text: str, path: tuple[str | int, ...]) -> None:
    written = text.replace("HERE", "12345")
    line, column = start_of(text, "HERE")
    if form == "yaml" and "\u2028" in text:
        line += 1  # YAML counts it as a line break, and so do its readers.
    position = Document("spec", written, form).locate(path)
    assert start(position) == (line, column)
    assert position.text[column - 1 :].startswith("12345")


@pytest.mark.parametrize(
    ("form", "text", "path"),
    [
        ("toml", "a = 1\nHERE = 2", ("HERE",)),
        ("toml", "[a]\n'HERE' = 2", ("a", "HERE")),
        ("toml", "[a.HERE.b]", ("a", "HERE")),
        ("toml", "[a]\n[a.b.HERE]", ("a", "b", "HERE")),
        ("toml", "[[a]]\n[[a]]\n[a.HERE]", ("a", 1, "HERE")),
        ("toml", "[[a]]\n[[HERE]]", ("HERE", 0)),
        ("toml", "a.HERE.b = 1", ("a", "HERE")),
        ("toml", "a = { 'é' = 1, b.HERE = 2 }", ("a", "b", "HERE")),
        ("yaml", "a: 1\nHERE: 2", ("HERE",)),
        ("yaml", "a: {é: 1, HERE: 2}", ("a", "HERE")),
        ("yaml", "a: &x {HERE: 1}\nb:\n  <<: *x", ("b", "HERE")),
        ("json", '{"a": {"é": 1,\n\tHERE: 2}}', ("a", "HERE")),
    ],
)
def test_key_is_where_it_stands(form: str, text: str, path: tuple[str | int, ...]) -> None:
    line, column = start_of(text, "'HERE'" if "'HERE'" in text else "HERE")
    written = text.replace("HERE", '"HERE"') if form == "json" else text
    assert start(Document("spec", written, form).locate(path, key=True)) == (line, column)


@pytest.mark.parametrize(
    ("form", "text", "path", "shown"),
    [
        ("toml", 'a = [1, { "é" = "日本" }, 3]', ("a", 1), '{ "é" = "日本" }'),
        ("toml", "a = [\n  1,\n]", ("a",), "["),
        ("toml", 'a = """x\ny"""', ("a",), '"""x'),
        ("toml", "[a.b]\nx = 1", ("a", "b"), "a.b"),
        ("toml", 'a = "é" # note\r\n', ("a",), '"é"'),
        ("yaml", "a: {b: [1, 2]} # note", ("a", "b"), "[1, 2]"),
        ("yaml", "a: one two # note\nb: 1", ("a",), "one two"),
        ("yaml", "a:\n  b: 1\n  c: 2\n", ("a",), "b: 1"),
        ("json", '{"a": {"b": [1, 2]}, "c": 1}', ("a", "b"), "[1, 2]"),
        ("json", '{"a": {"b": [1,\n 2]}}', ("a", "b"), "[1,"),
        ("json", '{"a": "x\\"y"}', ("a",), '"x\\"y"'),
    ],
)
def test_caret_is_as_long_as_the_value_or_its_first_line(
    form: str, text: str, path: tuple[str | int, ...], shown: str
) -> None:
    position = Document("spec", text, form).locate(path)
    assert position is not None
    assert position.text[position.column - 1 : position.end - 1] == shown


def test_what_a_text_does_not_have_is_nowhere() -> None:
    for form, text in (("toml", "a = [1]"), ("yaml", "a: [1]"), ("json", '{"a": [1]}')):
        document = Document("spec", text, form)
        assert document.locate(("b",)) is None
        assert document.locate(("a", 1)) is None
        assert document.locate(("a", "0")) is None
        assert start(document.locate(())) == (1, 1)


READERS = {
    "toml": lambda text: tomllib.loads(f"v = {text}")["v"],
    "yaml": yaml.safe_load,
    "json": json.loads,
}
WRITERS = {
    "toml": tomlkit.dumps,
    "yaml": lambda value: yaml.safe_dump(value, sort_keys=False, width=10**6, allow_unicode=True),
    "json": lambda value: json.dumps(value, indent=1, ensure_ascii=False),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("seed", range(10))
def test_every_value_reads_back_from_its_place(form: str, seed: int) -> None:
    source = random.Random(seed)
    text = WRITERS[form]({"a": invent(source, 3), "b": [invent(source, 2), invent(source, 2)]})
    document = Document("spec", text, form)
    scalars = list(scalars_in(document.values))
    assert len(scalars) > 5
    for path, value in scalars:
        position = document.locate(path)
        assert position is not None, path
        assert READERS[form](position.text[position.column - 1 : position.end - 1]) == value


def invent(source: random.Random, depth: int) -> dict[str, Any]:
    """Nested tables with scalars, lists and lists of tables, under keys that need quotes and that do not."""
    table: dict[str, Any] = {}
    for number in range(source.randint(3, 5)):
        key = source.choice(("a", "b c", "é", "d.e", "f-g", "😀", "1")) + str(number)
        kind = source.choice(("scalar", "list", "table", "tables")) if depth else "scalar"
        table[key] = {
            "scalar": lambda: source.choice((source.randint(-9, 9), source.random(), True, "x # y", "日本", 'q"[', "")),
            "list": lambda: [source.randint(0, 99) for _ in range(source.randint(1, 4))],
            "table": lambda: invent(source, depth - 1),
            "tables": lambda: [invent(source, depth - 1) for _ in range(2)],
        }[kind]()
    return table


def scalars_in(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from scalars_in(inner, (*path, key))
    else:
        yield path, value
