"""The benchmarks can be started, and the documentation says how."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

FOLDER = ROOT / "tests" / "benchmarks"
PROGRAMS = {path.name: path for path in sorted(FOLDER.glob("*.py")) if "__main__" in path.read_text(encoding="utf-8")}


@pytest.mark.parametrize("path", PROGRAMS.values(), ids=PROGRAMS)
def test_its_imports_are_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    assert callable(runpy.run_path(str(path))["main"])


@pytest.mark.parametrize("path", sorted((FOLDER / "peers").glob("*.py")), ids=lambda path: path.stem)
def test_the_loop_of_a_peer_is_python(path: Path) -> None:
    compile(path.read_text(encoding="utf-8"), path, "exec")


def test_the_page_has_every_command() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    told = {name: re.findall(rf"`(python tests/benchmarks/{name}[^`]*)`", page) for name in PROGRAMS}
    own = {
        name: re.findall(r"^.*`(python [^`]*)`", path.read_text(encoding="utf-8")) for name, path in PROGRAMS.items()
    }
    assert {name: commands[:1] for name, commands in told.items()} == own


@pytest.mark.slow
def test_a_round_prints_a_ratio_for_each_contender() -> None:
    command = [sys.executable, FOLDER / "engine_overhead.py", "1"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^(.*?) +\d\.\d\d +\d\.\d\d +\d\.\d\d +\d+$", printed, re.MULTILINE) == [
        "tutorial's loop, SGD",
        "retinue, the same SGD",
        "retinue, its own SGD",
        "hand-tuned",
        "tutorial's loop, Adam",
        "retinue, the same Adam",
        "retinue, its own Adam",
    ]
