import re
from collections.abc import Callable
from pathlib import Path

import pytest

from retinue.run import SavedRun

Train = Callable[..., SavedRun]


def test_a_file_gets_one_line_an_epoch(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    train({"train.epochs": 2})
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  train/loss 2.")
    for part in ("train/accuracy 0.", "val/loss 2.", "val/accuracy 0.", "lr 0.1", "images/s"):
        assert part in lines[0]
    assert "\x1b" not in err


def test_log_txt_has_the_same_lines(train: Train, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    train({"train.epochs": 2})
    shown = capsys.readouterr().err.splitlines()
    written = (tmp_path / "run" / "log.txt").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in written if "epoch" in line] == shown


def test_log_txt_tells_how_long_the_first_step_took_to_come(train: Train, tmp_path: Path) -> None:
    train({"train.epochs": 2})
    written = (tmp_path / "run" / "log.txt").read_text()
    assert len(re.findall(r" first step \d+\.\d s after retinue was imported", written)) == 1


def test_values_of_single_classes_are_left_to_the_files(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train({"metrics": {"f1": {"use": "f1", "average": "macro"}, "c": "confusion-matrix"}})
    line = capsys.readouterr().err
    assert "val/f1 0." in line
    assert "val/c/" not in line
    assert sum(name.startswith("val/c/") for name in run.metrics) == 100


def test_a_terminal_gets_a_bar(
    train: Train, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("retinue.builtin.callbacks.progress.REFRESH", 0)
    train()
    err = capsys.readouterr().err
    assert "epoch 1/1" in err
    assert "step 23/23" in err
    assert "loss 2." in err
