"""Examples broken in every way there is: each is a plan or a list of mistakes with their places, and nothing else.

RETINUE_MUTATIONS is how many are tried.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from retinue.documents import SUFFIXES, read_document
from retinue.errors import RetinueError, SpecError
from retinue.plan import Plan, make_plan
from retinue.plan.values import list_values, write_resolved
from retinue.plugins.registry import Registry
from retinue.spec.loading import load_spec

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SPECS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in SUFFIXES)
HUNG_AFTER = 5
"""Seconds of the processor for one spec, of which a good one takes hundredths."""

Draw = Callable[[st.SearchStrategy[Any]], Any]

LINKS = list(zip("abcdefgh", "bcdefghi", strict=True))
LAUGHS = "a: &a [x]\n" + "".join(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]\n" for last, name in LINKS)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{last}'] * 9)}]}}\n" for last, name in LINKS
)
SNIPPETS = [
    *("\0", "\t", "\x1b[2J", "\x85", "\u2028", "\ufeff", "é", "😀", "\r", '"', "'", '"""', "\\", "#", "=", ".", ","),
    *("[", "]", "{", "}", "[[", "]]", ":", "- ", "? ", "&a ", "*a", "!", "|", ">", "%", "@", "---\n", "...\n"),
    *("nan", "inf", ".nan", ".inf", "NaN", "Infinity", "1e999", "-0", "0x" + "f" * 5000, "9" * 5000, "1e-400", "0o17"),
    *("2024-11-20", "07:32:00", "9999-99-99", "null", "~", "true", "''", "[]", "{}", "1_000", "-1", "0", "1.5"),
    *('"\\ud800"', '"\\u0000"', '"\\UFFFFFFFF"', '"../../etc/passwd"', '"~nobody/x"', '"~nowhere/x"', '"' * 5000),
    *("!!python/object/apply:os.system [ls]", "!!python/name:os.system", "!!binary x", "!!timestamp x", "!!bool x"),
    *("!!int [1]", "!!float {a: 1}", "!!null [a]", "!!set {a}", "!!omap [a: 1]", "!!pairs [a: 1]"),
    *("!!merge x", "!!str {}", "x" * 10_000, '{"a":' * 2000, "a." * 500 + "a = 1\n", '"name": 1,', "name: x\n"),
    *("&a [*a]", "&a {<<: *a}", "<<: [1]\n", "<<: {use: digits}\n", "[" * 200, "{a: " * 200, "[" * 5000, "- " * 500),
    *("\n[data.train]\nuse = 'digits'\n", f'"{"x" * 5000}"'),
    *("base = 'mutated.toml'\n", 'base = "\\u0000.toml"\n', f"base: {'x' * 300}.toml\n", LAUGHS, MERGES),
]
WORDS = [
    *("", ".", "..", "/", "a/b", "/a", "a/", "*", "builtin/*", "timm-backbones/x", "~nowhere/x", "\0", "x" * 5000),
    *("digits", "lenet", "sgd", "sum", "cross-entropy", "unet", "mixup", "random-choice", "accuracy", "5ep"),
]
KEYS = ["use", "split", "transforms", "terms", "loss", "base", "metrics", "every", "", "a.b", "a b", "é", "0", "\0"]
TABLES = [
    [],
    {},
    [[]],
    [{}],
    {"use": "digits"},
    {"use": ""},
    {"use": 5},
    {"": 1},
    {"a": {"b": {}}},
    ["", 1, None, True],
]
NUMBERS = [2**31, 2**63, 2**64, -(2**63), 10**400, 1e308, -1e-320]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.sampled_from(TABLES).map(copy.deepcopy),
)
CHANGES = ["set", "set", "wrap", "repeat", "move", "delete", "rename", "add"]


def flip(draw: Draw, text: bytes) -> bytes:
    place = draw(st.integers(0, max(len(text) - 1, 0)))
    return text[:place] + bytes([draw(st.integers(0, 255))]) + text[place + 1 :]


def insert(draw: Draw, text: bytes) -> bytes:
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.sampled_from(SNIPPETS)).encode() + text[place:]


def cut(draw: Draw, text: bytes) -> bytes:
    place = draw(st.integers(0, len(text)))
    return text[:place] + text[place + draw(st.integers(1, 40)) :]


def truncate(draw: Draw, text: bytes) -> bytes:
    return text[: draw(st.integers(0, len(text)))]


def replace_word(draw: Draw, text: bytes) -> bytes:
    words = [*re.finditer(rb"[\w.-]+|\"[^\"\n]*\"|\[[^\]\n]*\]|\{[^}\n]*\}", text)]
    if not words:
        return text
    word = draw(st.sampled_from(words))
    return text[: word.start()] + draw(st.sampled_from(SNIPPETS)).encode() + text[word.end() :]


def rearrange_lines(draw: Draw, text: bytes) -> bytes:
    lines = text.split(b"\n")
    first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    change = draw(st.sampled_from(["delete", "repeat", "swap", "copy"]))
    if change == "delete":
        del lines[first]
    elif change == "repeat":
        lines.insert(first, lines[first])
    elif change == "swap":
        lines[first], lines[second] = lines[second], lines[first]
    else:
        lines.insert(second, lines[first])
    return b"\n".join(lines)


TEXT_CHANGES = [flip, insert, cut, truncate, replace_word, rearrange_lines]


@st.composite
def broken_texts(draw: Draw) -> tuple[str, bytes]:
    """A suffix, and an example with changes to its text."""
    source = draw(st.sampled_from(SPECS))
    suffix = draw(st.sampled_from([source.suffix, *WRITERS]))
    text = source.read_bytes() if suffix == source.suffix else WRITERS[suffix](read_values(source)).encode()
    for change in draw(st.lists(st.sampled_from(TEXT_CHANGES), min_size=1, max_size=3)):
        text = change(draw, text)
    return suffix, text


@st.composite
def broken_values(draw: Draw) -> tuple[str, bytes]:
    """A suffix, and an example with changes to its values, written anew."""
    source = draw(st.sampled_from(SPECS))
    values = read_values(source)
    for _ in range(draw(st.integers(1, 3))):
        if places := list(list_places(values)):
            break_value(draw, *draw(st.sampled_from(places)), values)
    suffix = draw(st.sampled_from([*WRITERS]))
    return suffix, WRITERS[suffix](values).encode("utf-8", "surrogatepass")


def read_values(path: Path) -> dict[str, Any]:
    return copy.deepcopy(read_document(path).values)


def list_places(values: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(values.items() if isinstance(values, dict) else enumerate(values)):
        yield values, key
        if isinstance(value, dict | list):
            yield from list_places(value)


def break_value(draw: Draw, table: Any, key: Any, values: Any) -> None:
    change = draw(st.sampled_from(CHANGES))
    if change == "set":
        table[key] = draw(VALUES)
    elif change == "wrap":
        table[key] = {draw(st.sampled_from(KEYS)): table[key]}
    elif change == "repeat":
        table[key] = [table[key]] * draw(st.integers(1, 3))
    elif change == "move":
        other, name = draw(st.sampled_from(list(list_places(values))))
        table[key] = copy.deepcopy(other[name])
    elif change == "delete":
        del table[key]
    elif isinstance(table, dict):
        moved = table.pop(key) if change == "rename" else draw(VALUES)
        table[draw(st.sampled_from(KEYS) | st.text(max_size=10))] = moved


def without_nulls(value: Any) -> Any:
    """TOML has none."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value if inner is not None] if isinstance(value, list) else value


WRITERS = {
    ".toml": lambda values: tomlkit.dumps(without_nulls(values)),
    ".yaml": lambda values: yaml.safe_dump(values, allow_unicode=True, sort_keys=False),
    ".json": lambda values: json.dumps(values, indent=1),
}


@contextmanager
def refuse_to_hang(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError(f"still not read after {seconds} seconds")

    signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples, which build on one another."""
    return Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("mutations") / "examples"))


@given(spec=broken_texts() | broken_values())
@settings(
    max_examples=int(os.environ.get("RETINUE_MUTATIONS", "400")),
    deadline=None,
    derandomize="RETINUE_MUTATIONS" not in os.environ,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@example(spec=(".yaml", LAUGHS.encode()))
@example(spec=(".yaml", MERGES.encode()))
def test_a_broken_spec_is_a_plan_or_mistakes_with_places(
    spec: tuple[str, bytes], examples: Path, registry: Registry
) -> None:
    suffix, text = spec
    path = examples / f"mutated{suffix}"
    path.write_bytes(text)
    with refuse_to_hang(HUNG_AFTER):
        try:
            plan = make_plan(load_spec(path), registry)
        except RetinueError as error:
            check_told(error, path)
        else:
            check_written_down(plan, examples, registry)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spec.yaml", LAUGHS),
        ("spec.yaml", "spec: !!python/object/apply:os.system ['touch executed']\n"),
        ("spec.json", '{"spec": "\\ud800"}'),
        ("spec.toml", 'base = "\\u0000"\n'),
        ("spec.toml", "spec = 1\nseed = 0x" + "f" * 5000),
        ("spec.toml", "base = 'spec.toml'\n"),
    ],
)
def test_command_that_is_given_a_broken_spec(name: str, text: str, tmp_path: Path, retinue: Any) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = retinue("train", name)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{name}:")
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


def check_told(error: RetinueError, path: Path) -> None:
    assert str(error).encode()
    assert isinstance(error, SpecError)
    assert error.problems
    for problem in error.problems:
        position = problem.position
        if position is None:
            assert problem.message == f"{path}: not a UTF-8 text"
        else:
            text = Path(position.file).read_bytes().decode("utf-8-sig")
            assert position.text in text
            assert 1 <= position.column <= len(position.text) + 1


def check_written_down(plan: Plan, folder: Path, registry: Registry) -> None:
    """A run's resolved.toml means what its spec meant."""
    values = list(list_values(plan, {}))
    resolved = folder / "resolved.toml"
    resolved.write_text(write_resolved(values), encoding="utf-8")
    again = list_values(make_plan(load_spec(resolved), registry), {})
    assert [(value.path, show(value.value)) for value in again] == [(value.path, show(value.value)) for value in values]


def show(value: Any) -> str:
    """A value as a text: no number that is none equals itself, and 0.0 is 0."""
    if isinstance(value, list):
        return str([show(inner) for inner in value])
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
