"""retinue find-lr"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.core.cli.conftest import Answer

from retinue.run import train

MOMENTUM = ["optimizer.momentum=0.9", "model.hidden=[32]"]


def test_a_line_for_the_spec_and_a_curve_and_nothing_else(command: Callable[..., Answer], spec: Path) -> None:
    answer = command("find-lr", spec, *MOMENTUM)
    assert (answer.code, answer.err) == (0, "")
    line, path = answer.out.splitlines()
    assert set(spec.parent.iterdir()) == {spec, spec.parent / path}
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    rate = tomllib.loads(line)["optimizer"]["lr"]
    assert 0.01 < rate < 0.5
    # A run that goes by it learns.
    own = train(spec, [*MOMENTUM, "train.epochs=3", line.replace(" ", "")], "run")
    assert own.metrics["val/accuracy"] > 0.8


def test_json_has_the_curve(command: Callable[..., Answer], spec: Path) -> None:
    found = command("find-lr", spec, *MOMENTUM, "--low", 1e-6, "--out", "curves/one.png", "--json").json
    assert found["suggestion"].keys() == {"optimizer.lr"}
    assert found["suggestion"]["optimizer.lr"] in [float(f"{rate:.2g}") for rate in found["rates"]]
    assert found["rates"][0] == 1e-6
    assert len(found["rates"]) == len(found["losses"])
    assert (found["curve"], Path("curves/one.png").is_file()) == ("curves/one.png", True)


def test_schedules_and_callbacks_are_off(
    command: Callable[..., Answer], spec: Path, local_plugin: Callable[[str], None]
) -> None:
    local_plugin(
        """
from retinue.api import Callback
from retinue.hooks import hookimpl

class Refuses(Callback):
    def __init__(self):
        raise ZeroDivisionError

@hookimpl
def retinue_callbacks(register): register("refuses", Refuses, summary="-")
"""
    )
    plain = command("find-lr", spec, *MOMENTUM, "--json").json
    moved = ["scheduler={use='one-cycle', max_lr=1.0, every='step'}", "callbacks=['refuses']"]
    assert command("find-lr", spec, *MOMENTUM, *moved, "--json").json == plain


def test_rates_of_groups_go_with_it(command: Callable[..., Answer], spec: Path) -> None:
    groups = "finetune.groups=[{match='*.bias', weight_decay=0.0}, {match='layers.1.*', lr=0.02}]"
    found = command("find-lr", spec, *MOMENTUM, groups, "--json").json["suggestion"]
    assert found.keys() == {"optimizer.lr", "finetune.groups.1.lr"}
    assert found["finetune.groups.1.lr"] == pytest.approx(found["optimizer.lr"] * 0.2, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--low", 1e-8, "--high", 1e-7], 1, "no suggestion: from 1e-08 to 1e-07 the loss does not fall clearly"),
        (["--low", 1, "--high", 0.1], 2, "--low 1 is not below --high 0.1"),
        (["--steps", 5], 2, "5 is not in the range x>=20"),
        (["model.use=lenett"], 2, "lenett"),
        (["--out", "curve.txt"], 2, "curve.txt cannot be written"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said(
    arguments: list[object], code: int, says: str, command: Callable[..., Answer], spec: Path
) -> None:
    answer = command("find-lr", spec, *arguments)
    assert (answer.code, says in answer.err) == (code, True), answer.err
