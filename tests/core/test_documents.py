"""What a text in TOML, YAML or JSON means, and what is wrong with one that means nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from retinue.documents import Document, name_type, read_document
from retinue.errors import SpecError


def refusal(form: str, text: str) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as caught:
        Document("spec", text, form)
    return [(str(problem.position), problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("none", "none"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-12", -12),
        ("+3", 3),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("5.", 5.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        (".NaN", math.nan),
        ("nan", "nan"),
        ("1.2.3", "1.2.3"),
        ("5ep", "5ep"),
        ("2024-11-20", "2024-11-20"),
        ("2024-11-20 10:00:00", "2024-11-20 10:00:00"),
        ("'1'", "1"),
        ("=", "="),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
    ],
)
def test_yaml_is_of_version_1_2(text: str, value: Any) -> None:
    found = Document("spec", f"a: {text}", "yaml").values["a"]
    assert type(found) is type(value)
    assert found == value or found != found


def test_yaml_keys_are_texts() -> None:
    text = "1: 1\n1.50: 2\ntrue: 3\nno: 4\nnull: 5\n2024-11-20: 6\n0x1F: 7"
    assert list(Document("spec", text, "yaml").values) == ["1", "1.50", "true", "no", "null", "2024-11-20", "0x1F"]


def test_yaml_merges_keys() -> None:
    text = "a: &x {p: 1, q: 1}\nb: &y {q: 2, r: 2}\nc: {<<: [*x, *y], r: 3}"
    assert Document("spec", text, "yaml").values["c"] == {"p": 1, "q": 1, "r": 3}


@pytest.mark.parametrize(("form", "text"), [("toml", ""), ("yaml", ""), ("yaml", "# a note\n"), ("json", "{}")])
def test_nothing_is_an_empty_table(form: str, text: str) -> None:
    document = Document("spec", text, form)
    assert document.values == {}
    assert str(document.locate(())) == "spec:1:1"


@pytest.mark.parametrize(
    ("form", "text", "place", "message"),
    [
        ("toml", "a = 1\nb = \n", "2:5", "Invalid value"),
        ("toml", "a = 1\n[b", "2:3", "Expected ']' at the end of a table declaration"),
        ("toml", 'a = "x\nb = 1', "1:7", "Illegal character"),
        ("toml", "a = [1,\n", "1:8", "Invalid value"),
        ("toml", "a = 1\nb = 2 3", "2:7", "Expected newline"),
        ("toml", "é = 1", "1:1", "Invalid statement"),
        ("toml", "a.b = 1\n[a]\nc = 1", "2:3", 'Cannot declare "a" twice'),
        ("toml", "a = {}\n[a.b.c]\nd = 1", "2:7", 'Cannot declare "a.b.c" twice'),
        ("yaml", "a: 1\nb: [1, 2\nc: 3", "3:2", "expected ',' or ']'"),
        ("yaml", "a:\n\tb: 1", "2:1", "cannot start any token"),
        ("yaml", "a: 'x\nb: 1", "2:5", "found unexpected end of stream"),
        ("yaml", "é: *x", "1:4", "found undefined alias 'x'"),
        ("yaml", "a: 1\n---\nb: 1", "2:1", "another document"),
        ("yaml", "a: 1\nb: !!python/object:os.system {}", "2:4", "could not determine a constructor"),
        ("yaml", "a: 1\nb: !!int x", "2:4", "no number"),
        ("yaml", "a: 1\nb: !!int [1]", "2:4", "expected a scalar node"),
        ("yaml", "a: 1\nb: !!float {c: 1}", "2:4", "expected a scalar node"),
        ("yaml", "a: 1\nb: !!bool yes", "2:4", "neither true nor false"),
        ("yaml", "a: 1\nb: !!timestamp x", "2:4", "could not determine a constructor"),
        ("yaml", "a: 1\nb: !!pairs [c: 1]", "2:4", "could not determine a constructor"),
        ("yaml", "a: 1\n? [b, c]\n: 2", "2:3", "found unhashable key"),
        ("yaml", "a: 1\nb: x\x07", "2:5", "special characters are not allowed"),
        ("yaml", "a: 1\u2028b: x\x07", "2:5", "special characters are not allowed"),
        ("json", "", "1:1", "Expecting value"),
        ("json", '{"a": 1,\n  b: 2}', "2:3", "Expecting property name"),
        ("json", '{\n  "a": 1', "2:9", "Expecting ',' delimiter"),
        ("json", '{"é": 1 "b": 2}', "1:9", "Expecting ',' delimiter"),
        ("json", "{\n\t\"a\": 'x'}", "2:7", "Expecting value"),
        ("json", '{"a": "x\ny"}', "1:9", "Invalid control character"),
        ("json", '{"a": 1} {}', "1:10", "Extra data"),
    ],
)
def test_what_is_not_well_formed_is_told_with_its_place(form: str, text: str, place: str, message: str) -> None:
    [(found, told)] = refusal(form, text)
    assert found == f"spec:{place}"
    assert told.startswith(f"not valid {form.upper()}: ")
    assert message in told


@pytest.mark.parametrize(
    ("form", "text", "found"),
    [
        ("toml", "a = 1\nb = 2\na = [\n  { b = 1 },\n]", {"3:1": "a"}),
        ("toml", "[a]\nx = 1\n[b]\n[a]\ny = 1", {"4:2": "a"}),
        ("toml", "[[l]]\n[l.a]\n[[l]]\n[l.a]\n[l.a]", {"5:2": "l.a"}),
        ("toml", "a = { 'é' = 1, b.c = 2, b.c = 3 }", {"1:25": "b.c"}),
        ("toml", "a = 1\n[b]\nc = 1\nc = 2\n'c' = 3", {"4:1": "c", "5:1": "c"}),
        ("yaml", "a: 1\nb: {c: 1, c: 2}\n'a': 3", {"2:11": "c", "3:1": "a"}),
        ("yaml", "- a: 1\n  b: 1\n  a: 2", {"3:3": "a"}),
        ("yaml", "1: 1\n'1': 2", {"2:1": "1"}),
        ("yaml", "x: &x {a: 1}\ny: {<<: *x, <<: *x}", {"2:13": "<<"}),
        ("yaml", "x: &x {a: 1, a: 2}\ny: *x\nz: {<<: *x}", {"1:14": "a"}),
        ("json", '{"a": 1,\n "b": [{"c": 1, "c": 2}],\n "a": 3}', {"2:17": "c", "3:2": "a"}),
        ("json", '{"a": 1, "\\u0061": 2}', {"1:10": "a"}),
    ],
)
def test_keys_written_twice_are_told_together(form: str, text: str, found: dict[str, str]) -> None:
    told = [(f"spec:{place}", f'"{key}" is written twice') for place, key in found.items()]
    if form == "yaml" and text.startswith("-"):
        told = [("spec:1:1", "a table of keys and values is needed, this is a list")]
    assert refusal(form, text) == told


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yaml", "x: &x {a: 1}\ny: {<<: *x, a: 2, b: 3}\nz: {b: 1, <<: *x, a: 2}"),
        ("yaml", "x: {a: 1}\ny: {a: 1}"),
        ("json", '{"x": {"a": 1}, "y": [{"a": 1}, {"a": 2}]}'),
        ("toml", "[[l]]\na = 1\n[[l]]\na = 2\n[x]\na = 1\ny.a = 1\ny.b = 1"),
    ],
)
def test_one_key_in_several_tables_is_not_written_twice(form: str, text: str) -> None:
    assert Document("spec", text, form).values


@pytest.mark.parametrize(
    ("form", "text", "what"),
    [
        ("yaml", "- 1", "a list"),
        ("yaml", "word", "a text"),
        ("yaml", "5", "a whole number"),
        ("json", "[1]", "a list"),
        ("json", "0.5", "a number"),
        ("json", "null", "nothing"),
        ("json", "true", "a true or false"),
    ],
)
def test_what_is_no_table_is_refused(form: str, text: str, what: str) -> None:
    assert refusal(form, text) == [("spec:1:1", f"a table of keys and values is needed, this is {what}")]


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{last}'] * 8)}]\n" for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)


BOMB_OF_MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{last}'] * 8)}]}}\n"
    for last, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN_OF_MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 100))


@pytest.mark.parametrize(
    ("form", "text", "place", "message"),
    [
        ("toml", "a = " + "[" * 100 + "]" * 100, "1:1", "nested too deeply"),
        ("toml", "a = " + "[" * 9999 + "]" * 9999, "1:1", "nested too deeply"),
        ("yaml", "a: " + "[" * 100 + "]" * 100, "1:39", "not valid YAML: nested too deeply"),
        ("yaml", "a: " + "[" * 999 + "]" * 999, "1:1", "nested too deeply"),
        ("yaml", "a: &x [1, *x]", "1:11", "not valid YAML: it refers to itself"),
        ("yaml", "a: &x {b: *x}", "1:11", "not valid YAML: it refers to itself"),
        ("yaml", "a: &x {<<: *x}", "1:12", "not valid YAML: it refers to itself"),
        ("yaml", BOMB, "6:4", "not valid YAML: too large"),
        ("yaml", BOMB_OF_MERGES, "7:12", "not valid YAML: too large"),
        ("yaml", CHAIN_OF_MERGES, "64:6", "not valid YAML: nested too deeply"),
        ("json", '{"a": ' + "[" * 100 + "]" * 100 + "}", "1:1", "nested too deeply"),
        ("json", '{"a": ' + "[" * 9999 + "]" * 9999 + "}", "1:1", "nested too deeply"),
        ("toml", f"a = {'9' * 5000}", "1:1", "a number has too many digits"),
        ("toml", f"a = 0x{'f' * 5000}", "1:5", "a number has too many digits"),
        ("yaml", f"a: [0x{'f' * 5000}]", "1:5", "a number has too many digits"),
        ("json", f'{{"a": {"9" * 5000}}}', "1:1", "a number has too many digits"),
        ("yaml", 'a: 1\nb: "\\UFFFFFFFF"', "2:7", "not valid YAML: a number out of range"),
        ("yaml", 'a: 1\nb: "\\U00110000"', "2:7", "not valid YAML: a number out of range"),
        ("yaml", f"%YAML 1.{'9' * 5000}\n---\na: 1", "1:9", "not valid YAML: a number out of range"),
        ("yaml", 'a: 1\nb: "\\ud800"', "2:4", "half a character: the other half of a pair is missing"),
        ("json", '{"a": "\\ud83d\\ude00",\n "b": ["\\ud800"]}', "2:8", "half a character"),
        ("json", '{"a": 1,\n "\\udfff": 1}', "2:12", "half a character"),
    ],
)
def test_what_a_stranger_may_have_meant_for_harm_is_refused(form: str, text: str, place: str, message: str) -> None:
    [(found, told)] = refusal(form, text)
    assert found == f"spec:{place}"
    assert told.startswith(message)


def test_long_lists_are_fine() -> None:
    assert len(Document("spec", f"a = {list(range(50_000))}", "toml").values["a"]) == 50_000


@pytest.mark.parametrize("name", ["s.toml", "s.TOML", "s.yaml", "s.yml", "s.json"])
def test_suffix_says_the_form(name: str, tmp_path: Path) -> None:
    text = {"json": '{"a": 1}', "toml": "a = 1"}.get(name.lower().split(".")[1], "a: 1")
    (tmp_path / name).write_text(text)
    assert read_document(tmp_path / name).values == {"a": 1}


@pytest.mark.parametrize(("name", "text"), [("s.toml", "a = 1"), ("s.yaml", "a: 1"), ("s.json", '{"a": 1}')])
def test_mark_of_windows_editors_is_no_part_of_the_text(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    document = read_document(tmp_path / name)
    assert document.values == {"a": 1}
    position = document.locate(("a",))
    assert position is not None
    assert (position.column, position.text) == (text.index("1") + 1, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "spec.ini").write_text("a = 1")
    for name, reason in (
        ("latin.toml", "not a UTF-8 text"),
        ("folder.toml", "is a directory"),
        ("nothing.toml", "no such file or directory"),
        ("spec.ini", 'a spec ends in .toml, .yaml, .yml, .json, not in ".ini"'),
        ("spec", 'a spec ends in .toml, .yaml, .yml, .json, not in ""'),
    ):
        with pytest.raises(SpecError) as caught:
            read_document(tmp_path / name)
        assert [problem.message for problem in caught.value.problems] == [f"{tmp_path / name}: {reason}"]


@pytest.mark.parametrize(
    ("form", "text", "shown"),
    [
        (
            "toml",
            'a = 1\n\tb = { c = "é" }',
            'spec:2:6  error: wrong\n  2 | \tb = { c = "é" }\n    | \t    ^^^^^^^^^^^ why',
        ),
        ("yaml", "b:\n  c: 1\n  d: 2", "spec:2:3  error: wrong\n  2 |   c: 1\n    |   ^^^^ why"),
        ("json", '{"b": [\n1]}', 'spec:1:7  error: wrong\n  1 | {"b": [\n    |       ^ why'),
    ],
)
def test_problem_is_shown_with_its_line_and_a_caret(form: str, text: str, shown: str) -> None:
    from retinue.errors import Problem

    assert str(Problem("wrong", Document("spec", text, form).locate(("b",)), note="why")) == shown


def test_types_have_names_for_people() -> None:
    values = (True, 1, 0.5, "x", [], {}, None)
    names = ["a true or false", "a whole number", "a number", "a text", "a list", "a table", "nothing"]
    assert [name_type(value) for value in values] == names
