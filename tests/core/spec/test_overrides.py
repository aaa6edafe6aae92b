"""`key.path=value` and `~key.path`, and the same from Python."""

from __future__ import annotations

import math
from typing import Any

import pytest

from retinue.errors import SpecError
from retinue.spec.overrides import parse_overrides


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-0.5", -0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("inf", math.inf),
        ("[1, 2]", [1, 2]),
        ('{ use = "sgd", lr = 0.1 }', {"use": "sgd", "lr": 0.1}),
        ('"5"', "5"),
        ("'a b'", "a b"),
        ("", ""),
        ("word", "word"),
        ("True", "True"),
        ("val/loss", "val/loss"),
        ("5ep", "5ep"),
        ("a=b", "a=b"),
        ("C:\\new", "C:\\new"),
        ("[1,", "[1,"),
        ("2024-11-20", "2024-11-20"),
        ("2024-11-20T10:00:00Z", "2024-11-20T10:00:00Z"),
        ("10:00:00", "10:00:00"),
    ],
)
def test_value_is_tomls_and_else_a_text(text: str, value: Any) -> None:
    [override] = parse_overrides([f"train.x={text}"])
    assert type(override.value) is type(value)
    assert (override.path, override.value, override.removes) == (("train", "x"), value, False)


def test_digits_in_a_key_are_an_index() -> None:
    [override] = parse_overrides(["data.train.transforms.12.p=1"])
    assert override.path == ("data", "train", "transforms", 12, "p")
    assert parse_overrides(["a.²=1"])[0].path == ("a", "²")


def test_spaces_around_the_equals_sign() -> None:
    [override] = parse_overrides(["train.epochs = 3"])
    assert (override.path, override.value) == (("train", "epochs"), 3)


def test_tilde_removes() -> None:
    [override] = parse_overrides(["~train.epochs"])
    assert (override.path, override.removes) == (("train", "epochs"), True)


def test_python_says_values_as_they_are_and_none_to_remove() -> None:
    first, second, third = parse_overrides({"train.epochs": 3, "name": "3", "scheduler": None})
    assert (first.path, first.value, first.removes) == (("train", "epochs"), 3, False)
    assert second.value == "3"
    assert third.removes
    assert str(first.position(key=False)) == "overrides:1:14"


def test_all_that_are_none_are_told_together() -> None:
    with pytest.raises(SpecError) as caught:
        parse_overrides(["train.epochs", "seed=1", "=3", "~a..b"])
    assert [str(problem.position) for problem in caught.value.problems] == [
        "command line:1:1",
        "command line:3:1",
        "command line:4:1",
    ]
    assert "write key.path=value, or ~key.path to remove" in str(caught.value)
