"""retinue cam"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.core.cli.conftest import Answer

from retinue.run import SavedRun

PICTURE = Path(__file__).parents[3] / "docs" / "examples" / "seven.png"


@pytest.fixture
def run(train: Callable[..., SavedRun]) -> Path:
    return train(["~model", "model.use=lenet"]).directory.path


def test_the_overlay_lies_with_the_runs_predictions(command: Callable[..., Answer], run: Path) -> None:
    answer = command("cam", run, PICTURE)
    assert answer.code == 0, answer.err
    path = run / "predictions" / "seven-cam.png"
    label = SavedRun(run).predict(PICTURE)["label"]
    assert answer.out.startswith(f"{PICTURE}: {label} ")
    assert str(path) in answer.out
    assert Image.open(path).size == (224, 224)


def test_json_of_a_class_that_is_asked_for(command: Callable[..., Answer], run: Path) -> None:
    answer = command("cam", run, PICTURE, "--label", 3, "--out", "looked.png", "--json").json
    assert (answer["path"], answer["label"], answer["cam"]) == (str(PICTURE), "3", "looked.png")
    assert (answer["layer"], answer["size"]) == ("pool", [2, 2])
    assert Path("looked.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([PICTURE, "--label", "seven"], 2, 'the run knows no "seven": it has 0, 1, 2'),
        (["missing.png"], 2, "missing.png: no such file"),
    ],
)
def test_mistakes_are_told(
    command: Callable[..., Answer], run: Path, arguments: list[object], code: int, message: str
) -> None:
    answer = command("cam", run, *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err


def test_a_model_without_feature_map_is_refused(command: Callable[..., Answer], train: Callable[..., SavedRun]) -> None:
    answer = command("cam", train().directory.path, PICTURE)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.splitlines()[-1].endswith(
        "needs a feature map of height and width before the scores: there is none"
    )
