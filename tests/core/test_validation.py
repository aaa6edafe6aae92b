"""What is wrong with a value, said so that its author can mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval, MaxLen, MinLen
from pydantic import BaseModel, ConfigDict, Field, field_validator

from retinue.errors import Position, Problem
from retinue.validation import closest, enumerate_words, validate


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    share: Annotated[float, Interval(gt=0, le=1)] = 1.0


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int = 1
    rate: float = 0.1
    flag: bool = True
    path: Path | None = None
    mode: Literal["fast", "slow"] = "fast"
    size: Annotated[int, Gt(0)] | Annotated[list[Annotated[int, Gt(0)]], MinLen(1), MaxLen(2)] = 1
    pair: tuple[int, int] = (1, 1)
    limit: Annotated[int, Ge(0)] | Literal["auto"] = "auto"
    part: Part | None = None
    parts: list[Part] = []
    named: dict[str, Part] = {}
    either: float | list[Part] = 0.0
    code: str = Field("a1", pattern="^[a-z][0-9]$", examples=["a1", "b2"])
    plain: Annotated[str, Field(pattern="^[a-z]$")] = "a"
    even: int = 0
    schema_: int = Field(1, alias="schema")

    @field_validator("even")
    @classmethod
    def _check_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"even numbers only, not {value}")
        return value


def locate(path: tuple[str | int, ...], key: bool) -> Position | None:
    """Every place is there, and says what it is the place of."""
    return Position(".".join(map(str, path)) + (" (key)" if key else ""), 1, 1, 2, "")


def problems(values: Any) -> list[Problem]:
    found = validate(Whole, values, (), locate)
    assert isinstance(found, list), found
    return found


def place(problem: Problem) -> str:
    assert problem.position is not None
    return problem.position.file


@pytest.mark.parametrize(
    ("values", "where", "message"),
    [
        ({"count": 1.5}, "count", "a whole number is needed, this is 1.5"),
        ({"count": 1.0}, "count", "a whole number is needed, this is 1.0"),
        ({"count": "1"}, "count", 'a whole number is needed, this is "1"'),
        ({"count": True}, "count", "a whole number is needed, this is true"),
        ({"count": [1, 2]}, "count", "a whole number is needed, this is a list of 2"),
        ({"count": {"a": 1}}, "count", "a whole number is needed, this is a table"),
        ({"rate": "0.1"}, "rate", 'a number is needed, this is "0.1"'),
        ({"flag": 1}, "flag", "true or false is needed, this is 1"),
        ({"flag": "true"}, "flag", 'true or false is needed, this is "true"'),
        ({"mode": 1}, "mode", '"fast" or "slow" is needed, this is 1'),
        ({"size": "x"}, "size", 'a whole number or a list is needed, this is "x"'),
        ({"size": [1, 2, 3]}, "size", "a whole number or a list of at most 2 is needed, this is a list of 3"),
        ({"size": []}, "size", "a whole number or a list of at least 1 is needed, this is a list of 0"),
        ({"size": [1, 0]}, "size.1", "more than 0 is needed, this is 0"),
        ({"pair": [1]}, "pair", "item 2 is missing"),
        ({"pair": [1, 2, 3]}, "pair", "a list of at most 2 is needed, this is a list of 3"),
        ({"pair": [1, "x"]}, "pair.1", 'a whole number is needed, this is "x"'),
        ({"limit": -1}, "limit", 'at least 0 or "auto" is needed, this is -1'),
        ({"part": "x"}, "part", 'a table is needed, this is "x"'),
        ({"part": {"share": 1}}, "part", '"name" is missing'),
        ({"parts": [{"name": "a"}, {"name": "b", "share": 0}]}, "parts.1.share", "more than 0.0 is needed, this is 0"),
        ({"parts": {"name": "a"}}, "parts", "a list is needed, this is a table"),
        ({"named": {"a": {"name": 5}}}, "named.a.name", "a text is needed, this is 5"),
        ({"named": {"a": {"nme": "x"}}}, "named.a.nme (key)", 'unknown key "nme"'),
        ({"either": [{"name": "a", "share": 2}]}, "either.0.share", "at most 1.0 is needed, this is 2"),
        ({"code": "zz"}, "code", 'a text such as "a1" or "b2" is needed, this is "zz"'),
        ({"plain": "zz"}, "plain", 'a text of the form ^[a-z]$ is needed, this is "zz"'),
        ({"even": 3}, "even", "even numbers only, not 3"),
        ({"schema": "x"}, "schema", 'a whole number is needed, this is "x"'),
        ({"schema_": 1}, "schema_ (key)", 'unknown key "schema_"'),
        ({"count": "x" * 99}, "count", f'a whole number is needed, this is "{"x" * 56}...'),
        ({"rate": float("nan")}, None, None),
        ({"rate": 1, "path": "a/b", "part": None, "size": [3, 4], "either": 5}, None, None),
    ],
)
def test_one_mistake_is_one_problem_in_plain_words(values: Any, where: str | None, message: str | None) -> None:
    if where is None:
        assert isinstance(validate(Whole, values, (), locate), Whole)
        return
    [problem] = problems(values)
    assert (place(problem), problem.message) == (where, message)


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        ({"mode": "fsat"}, "fast"),
        ({"mode": "SLOW"}, "slow"),
        ({"mode": "xyz"}, None),
        ({"limit": "atuo"}, "auto"),
        ({"cuont": 1}, "count"),
        ({"part": {"name": "a", "shre": 1}}, "share"),
        ({"parts": [{"name": "a", "sahre": 1}]}, "share"),
        ({"either": [{"name": "a", "sahre": 1}]}, "share"),
        ({"shema": 1}, "schema"),
        ({"zzz": 1}, None),
    ],
)
def test_what_was_probably_meant(values: Any, meant: str | None) -> None:
    [problem] = problems(values)
    assert problem.suggestion == meant


def test_key_that_is_misspelt_is_not_missing_as_well() -> None:
    [problem] = problems({"part": {"nmae": "a"}})
    assert (problem.message, problem.suggestion) == ('unknown key "nmae"', "name")
    assert [p.message for p in problems({"part": {"zzz": "a"}})] == ['"name" is missing', 'unknown key "zzz"']


def test_all_mistakes_are_told_together() -> None:
    found = problems({"count": "x", "part": {"name": 1, "share": 2, "x": 3}, "parts": [{}, {"name": 1}]})
    assert {place(problem) for problem in found} == {
        "count",
        "part.name",
        "part.share",
        "part.x (key)",
        "parts.0",
        "parts.1.name",
    }


def test_place_of_what_has_none_is_that_of_the_table_around() -> None:
    known: dict[tuple[str | int, ...], Position] = {
        (): Position("all", 1, 1, 2, ""),
        ("a",): Position("a", 1, 1, 2, ""),
    }
    found = validate(Whole, {"part": {"name": 5}}, ("a", "b"), lambda path, key: known.get(path))
    assert isinstance(found, list)
    assert [place(problem) for problem in found] == ["a"]


def test_what_json_cannot_hold_is_told_by_its_place() -> None:
    found = problems({"count": {1, 2}, "parts": [{"name": Path("x")}]})
    assert [(place(p), p.message) for p in found] == [
        ("count", "a set cannot stand in a spec"),
        ("parts.0.name", f"a {type(Path()).__name__} cannot stand in a spec"),
    ]


@pytest.mark.parametrize(
    ("word", "words", "meant"),
    [
        ("resnt18", ["resnet34", "resnet18", "unet"], "resnet18"),
        ("Cross_Entropy", ["cross-entropy", "focal"], "cross-entropy"),
        ("stp", ["step", "top", "steps"], "step"),
        ("mcro", ["macro", "micro"], "micro"),
        ("zzz", ["step"], None),
        ("step", [], None),
    ],
)
def test_closest_word(word: str, words: list[str], meant: str | None) -> None:
    assert closest(word, words) == meant
    assert closest(word, reversed(words)) == meant


def test_words_are_enumerated_as_far_as_anybody_reads() -> None:
    assert enumerate_words(["a", "b"]) == "a, b"
    assert enumerate_words(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
