import json
import math
from pathlib import Path

import pytest

from retinue.engine.history import History, read_history
from retinue.errors import RunDirectoryError


@pytest.fixture
def history(tmp_path: Path) -> History:
    found = History(tmp_path / "metrics.jsonl")
    for step in (10, 20, 23):
        found.append("step", 0, step, {"train/loss": step / 10})
    found.append("epoch", 1, 23, {"val/loss": 0.5})
    return found


def lines(history: History) -> list[str]:
    return history.path.read_text(encoding="utf-8").splitlines()


def test_each_line_is_a_record(history: History) -> None:
    assert [json.loads(line) for line in lines(history)] == [
        {"event": "step", "epoch": 0, "step": 10, "train/loss": 1.0},
        {"event": "step", "epoch": 0, "step": 20, "train/loss": 2.0},
        {"event": "step", "epoch": 0, "step": 23, "train/loss": 2.3},
        {"event": "epoch", "epoch": 1, "step": 23, "val/loss": 0.5},
    ]
    assert read_history(history.path) == [json.loads(line) for line in lines(history)]


def test_what_is_no_number_is_null(history: History) -> None:
    """JSON has neither NaN nor infinity, and other readers refuse them."""
    history.append("epoch", 2, 46, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1.0})

    def refuse(word: str) -> None:
        raise AssertionError(word)

    record = json.loads(lines(history)[-1], parse_constant=refuse)
    assert (record["a"], record["b"], record["c"], record["d"]) == (None, None, None, 1.0)


@pytest.mark.parametrize(("step", "kept"), [(5, 0), (10, 1), (22, 2), (23, 4), (99, 4)])
def test_a_cut_drops_what_came_after(history: History, step: int, kept: int) -> None:
    before = lines(history)
    history.cut(step)
    assert lines(history) == before[:kept]


def test_a_line_that_was_left_unfinished_goes(history: History) -> None:
    whole = lines(history)
    with history.path.open("a", encoding="utf-8") as file:
        file.write('{"event": "step", "epoch": 1, "st')
    assert len(read_history(history.path)) == 4
    history.cut(23)
    history.append("step", 1, 30, {})
    assert lines(history)[:4] == whole
    assert json.loads(lines(history)[4])["step"] == 30


@pytest.mark.parametrize(
    "line", [b"\x80\x04", b"[]", b'{"event": "step", "epoch": 0}', b"[" * 10_000, b'{"step": 1e999}']
)
def test_what_is_no_record_is_named(line: bytes, history: History) -> None:
    """Nothing of what was written is dropped because of it."""
    whole = history.path.read_bytes()
    damaged = line + b"\n" + whole
    history.path.write_bytes(damaged)
    with pytest.raises(RunDirectoryError, match=r"metrics\.jsonl"):
        read_history(history.path)
    with pytest.raises(RunDirectoryError, match=r"metrics\.jsonl"):
        history.cut(10)
    assert history.path.read_bytes() == damaged


def test_a_run_that_wrote_nothing_yet_has_no_records(tmp_path: Path) -> None:
    assert read_history(tmp_path / "metrics.jsonl") == []
    History(tmp_path / "metrics.jsonl").cut(10)
    assert not list(tmp_path.iterdir())
