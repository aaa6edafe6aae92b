from pathlib import Path

import pytest

from retinue import rundir
from retinue.errors import RunDirectoryError
from retinue.rundir import RunDirectory


def make_run(path: Path) -> Path:
    RunDirectory(path).make()
    RunDirectory(path).resolved.write_text("spec = 1\n")
    return path


class StoppedClock:
    @staticmethod
    def now() -> "StoppedClock":
        return StoppedClock()

    def strftime(self, form: str) -> str:
        return "2026-11-20T08-15-02"


def test_a_run_is_named_by_its_spec_and_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rundir, "datetime", StoppedClock)
    first = RunDirectory.choose(None, "flowers")
    assert first.path == Path("runs/flowers/2026-11-20T08-15-02")
    assert not first.path.exists()


def test_runs_of_the_same_second_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rundir, "datetime", StoppedClock)
    names = []
    for _ in range(3):
        chosen = RunDirectory.choose(None, "flowers")
        chosen.make()
        names.append(chosen.path.name)
    assert names == ["2026-11-20T08-15-02", "2026-11-20T08-15-02-2", "2026-11-20T08-15-02-3"]


def test_a_directory_that_is_asked_for_is_taken_as_it_is(tmp_path: Path) -> None:
    wanted = tmp_path / "a" / "b"
    chosen = RunDirectory.choose(wanted, "flowers")
    chosen.make()
    assert chosen.path == wanted
    assert (wanted / "checkpoints").is_dir()


def test_an_empty_directory_will_do(tmp_path: Path) -> None:
    RunDirectory.choose(tmp_path, "flowers").make()
    assert (tmp_path / "checkpoints").is_dir()


@pytest.mark.parametrize("occupied", ["file", "folder"])
def test_nothing_that_is_there_is_written_over(occupied: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    if occupied == "file":
        path.write_text("the only copy")
    else:
        path.mkdir()
        (path / "thesis.txt").write_text("the only copy")
    with pytest.raises(RunDirectoryError, match=r"out is there already and not empty: give another --out, or --resume"):
        RunDirectory.choose(path, "flowers")


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot make the run directory"):
        RunDirectory(tmp_path / "file" / "run").make()


def test_a_run_is_opened(tmp_path: Path) -> None:
    assert RunDirectory.open(make_run(tmp_path / "run")).path == tmp_path / "run"
    assert RunDirectory.open(str(tmp_path / "run")).path == tmp_path / "run"


def test_of_a_folder_of_runs_the_latest_is_opened(tmp_path: Path) -> None:
    for name in ("2026-11-20T08-15-02", "2026-11-21T07-00-00", "2026-11-21T07-00-00-2", "2025-12-31T23-59-59"):
        make_run(tmp_path / name)
    (tmp_path / "2027-01-01T00-00-00").mkdir()
    assert RunDirectory.open(tmp_path).path.name == "2026-11-21T07-00-00-2"


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=f"^there is no run directory {tmp_path / 'missing'}$"):
        RunDirectory.open(tmp_path / "missing")
    with pytest.raises(RunDirectoryError, match=r"is no run directory: it has no resolved\.toml"):
        RunDirectory.open(tmp_path)


def test_checkpoints_are_known_by_their_steps(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.make()
    for step in (1000, 2, 30):
        directory.checkpoint(step).mkdir()
    (directory.checkpoints / ".step-00000040").mkdir()
    directory.link("last").symlink_to("step-00001000")
    assert directory.checkpoint_steps() == [2, 30, 1000]
    assert directory.checkpoint(2).name == "step-00000002"
