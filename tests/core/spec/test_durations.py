"""Lengths of time as a spec writes them."""

from __future__ import annotations

import pytest

from retinue.spec.durations import Duration


@pytest.mark.parametrize(
    ("text", "steps"), [("5ep", 500), ("0.5ep", 50), ("0.004ep", 0), ("0.006ep", 1), ("500it", 500), ("0it", 0)]
)
def test_epochs_and_steps_as_steps(text: str, steps: int) -> None:
    assert Duration.parse(text).steps(steps_per_epoch=100) == steps


@pytest.mark.parametrize("text", ["5ep", "0.5ep", "500it", "12345678it", "0.00001ep"])
def test_written_as_it_was_read(text: str) -> None:
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize(
    "value",
    [
        "5",
        "ep",
        "5 ep",
        " 5ep",
        "5ep\n",
        "-5ep",
        "5EP",
        "5epochs",
        "0.5it",
        ".5ep",
        "5.ep",
        "٣ep",
        "9" * 400 + "ep",
        5,
        0.5,
        [5],
    ],
)
def test_anything_else_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match=r'such as "5ep" \(epochs\) or "500it" \(steps\) is needed, this is '):
        Duration.parse(value)
