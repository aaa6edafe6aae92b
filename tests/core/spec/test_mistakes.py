"""Every rule of the spec, broken in each form of text. The table is mistakes.yaml."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel

from retinue.hooks import KINDS
from retinue.spec.schema import ComponentTable, RunSpec

FORMS = ("toml", "yaml", "json")
DIGITS = {"use": "digits", "split": {"fraction": 0.8}}
VALID = {
    "spec": 1,
    "name": "small",
    "data": {"batch_size": 4, "train": DIGITS, "val": DIGITS},
    "model": {"use": "lenet"},
    "optimizer": {"use": "sgd", "lr": 0.1},
    "train": {"epochs": 1},
}
TABLE: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text(encoding="utf-8"))
CLOSING = "parameters were not checked yet"


@pytest.mark.parametrize("form", FORMS)
def test_what_the_table_breaks_is_right(form: str, tmp_path: Path, accept) -> None:
    path = tmp_path / f"spec.{form}"
    path.write_text(WRITERS[form](VALID), encoding="utf-8")
    assert accept(path).spec.name == "small"


@pytest.mark.parametrize(
    ("form", "case"),
    [pytest.param(form, case, id=f"{form}: {case['rule']}") for case in TABLE for form in case.get("forms", FORMS)],
)
def test_rule(form: str, case: dict[str, Any], tmp_path: Path, check) -> None:
    path = tmp_path / f"spec.{form}"
    text, places = write_down(case, form)
    path.write_text(text, encoding="utf-8")
    error = check(path, case.get("overrides", ()))

    found = [(str(problem.position).removeprefix(f"{path}:"), problem.suggestion) for problem in error.problems]
    expected = sorted(zip(places, problems_of(case), strict=True), key=lambda pair: reading_order(pair[0]))
    assert found == [(place, problem.get("meant")) for place, problem in expected], f"{text}\n{error}"
    for problem, (_, wanted) in zip(error.problems, expected, strict=True):
        assert wanted["says"] in problem.message
        position = problem.position
        assert position.file == "command line" or position.text == text.splitlines()[position.line - 1]
    assert (CLOSING in str(error)) == (case.get("stage", 1) == 1)


def test_every_key_of_the_spec_is_in_the_table() -> None:
    broken = {key for case in TABLE for problem in problems_of(case) if (key := place_of(problem))}
    assert {place_of({"at": path}) for path, _ in fields_of(RunSpec)} <= broken


def test_every_range_of_the_spec_is_in_the_table() -> None:
    words = {Ge: "at least", Gt: "more than", Lt: "less than", Le: "at most", MinLen: "at least"}
    said = {(place_of(problem), problem["says"]) for case in TABLE for problem in problems_of(case)}
    ranges = [
        (path, words.get(type(rule), "a text such as"))
        for path, field in fields_of(RunSpec)
        for rule in field.metadata
        if type(rule) in words or getattr(rule, "pattern", None)
    ]
    assert len(ranges) > 10
    assert [(path, word) for path, word in ranges if not any(p == path and word in says for p, says in said)] == []


def test_every_table_of_the_spec_refuses_unknown_keys_in_the_table() -> None:
    tables = {"" if model is RunSpec else path for path, model in tables_of(RunSpec)}
    refused = {
        place_of(problem).rpartition(".")[0]
        for case in TABLE
        for problem in problems_of(case)
        if problem["says"].startswith("unknown key")
    }
    assert len(tables) > 5
    assert tables <= refused


def test_every_kind_has_an_unknown_name_in_the_table() -> None:
    said = {problem["says"] for case in TABLE for problem in problems_of(case)}
    assert [kind for kind in KINDS if not any(says.startswith(f"no {kind} named") for says in said)] == []


def problems_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    problems: list[dict[str, Any]] = case.get("problems", [case])
    return problems


def place_of(problem: dict[str, Any]) -> str:
    """Where the spec says it, without numbers; data.val and data.test are as data.train."""
    path = problem.get("at", problem.get("at_key"))
    path = re.sub(r"\.\d+", "", path)
    return re.sub(r"^data\.(val|test)", "data.train", path)


def fields_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield f"{path}{name}", field
        if name not in ("val", "test"):
            for inner in models_in(field.annotation):
                yield from fields_of(inner, f"{path}{name}.")


def tables_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    if not issubclass(model, ComponentTable):
        yield path, model
    for name, field in model.model_fields.items():
        if name not in ("val", "test"):
            for inner in models_in(field.annotation):
                yield from tables_of(inner, f"{path}.{name}" if path else name)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from () if annotation is ComponentTable else (annotation,)
    for argument in get_args(annotation):
        yield from models_in(argument)


# Each place of a mistake is marked by a word that the text has nowhere else, and the text searched for it: where a
# value or a key stands is found without the code under test.


def write_down(case: dict[str, Any], form: str) -> tuple[str, list[str]]:
    """Return the broken spec as a text, and LINE:COLUMN of each of its mistakes."""
    spec = json.loads(json.dumps(VALID))
    for path in case.get("drop", ()):
        table, last = reach(spec, path)
        del table[last]
    for path, value in copy.deepcopy(case.get("set", {})).items():
        table, last = reach(spec, path)
        table[last] = value
    problems = problems_of(case)
    hidden: dict[str, str] = {}
    shown: dict[str, str] = {}
    for number in sorted(range(len(problems)), key=lambda n: -depth(problems[n])):
        mark = f"HERE{number}X"
        if "at_key" in problems[number]:
            table, last = reach(spec, problems[number]["at_key"])
            renamed = {mark if key == last else key: value for key, value in table.items()}
            table.clear()
            table.update(renamed)
            hidden[mark] = mark if form == "toml" else INLINE[form](mark)
            shown[mark] = toml_key(last) if form == "toml" else INLINE[form](last)
        elif not is_literal(problems[number]["at"]):
            table, last = reach(spec, problems[number]["at"])
            hidden[mark] = INLINE[form](mark)
            shown[mark], table[last] = INLINE[form](table[last]), mark
    text = WRITERS[form](spec)
    places = {f"HERE{number}X": problem["at"] for number, problem in enumerate(problems) if "at" in problem}
    while left := [mark for mark in hidden if hidden[mark] in text]:
        first = min(left, key=lambda mark: text.index(hidden[mark]))
        before = text[: text.index(hidden[first])]
        places[first] = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        text = text.replace(hidden[first], shown[first], 1)
    return text, [places[f"HERE{number}X"] for number in range(len(problems))]


def reach(spec: Any, path: str) -> tuple[Any, Any]:
    *tables, last = (int(part) if part.isdigit() else part for part in path.split("."))
    for part in tables:
        spec = spec[part] if isinstance(spec, list) else spec.setdefault(part, {})
    return spec, last


def depth(problem: dict[str, Any]) -> int:
    return len(problem.get("at", problem.get("at_key")).split("."))


def is_literal(place: str) -> bool:
    return re.search(r"\d+:\d+$", place) is not None


def reading_order(place: str) -> tuple[bool, int, int]:
    file, line, column = f"spec:{place}".rsplit(":", 2)
    return file != "spec", int(line), int(column)


def toml_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else json.dumps(key)


def toml_inline(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml_key(key)} = {toml_inline(inner)}' for key, inner in value.items())} }}"
    return f"[{', '.join(map(toml_inline, value))}]" if isinstance(value, list) else json.dumps(value)


def toml_blocks(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    yield from (f"{toml_key(key)} = {toml_inline(v)}\n" for key, v in table.items() if not isinstance(v, dict))
    for key, value in table.items():
        if isinstance(value, dict):
            yield f"\n[{'.'.join((*path, toml_key(key)))}]\n"
            yield from toml_blocks(value, (*path, toml_key(key)))


INLINE = {
    "toml": toml_inline,
    "yaml": lambda value: yaml.safe_dump([value], default_flow_style=True, width=10**6).strip()[1:-1],
    "json": json.dumps,
}
WRITERS = {
    "toml": lambda spec: "".join(toml_blocks(spec)),
    "yaml": lambda spec: yaml.dump(spec, Dumper=Plain, sort_keys=False, width=10**6),
    "json": lambda spec: json.dumps(spec, indent=2),
}


class Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True
