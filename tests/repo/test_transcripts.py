"""Commands print what the pages show. A tutorial is followed from top to bottom."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from pages import PAGES, ROOT, Block, read_blocks

from retinue.cli import main
from retinue.plugins import environment

TUTORIALS = sorted(ROOT.glob("docs/tutorial/*.md"))
NOT_RUN = {"tensorboard": "serves until it is stopped"}
NUMBER = re.compile(r"\d+(?:[.,:T-]\d+)*(?:e-\d+)?")


@pytest.fixture
def follow(install, tmp_path, monkeypatch) -> Callable[[str], str]:
    """Run a command as a shell would, in a folder with the examples alone, and return what it prints."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "docs" / "examples", "docs/examples")
    digits = Path("docs/examples/digits.toml")
    # One epoch shows what fifteen do.
    digits.write_text(digits.read_text().replace("epochs = 15", "epochs = 1"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    # Without a network.
    monkeypatch.setattr(environment, "install", lambda folders: [install(Path(folder)) for folder in folders])

    def run(command: str) -> str:
        if not command.startswith("retinue "):
            return subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=300).stdout
        # In this process: torch is imported already.
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        code = None
        with redirect_stdout(StringIO()) as printed, redirect_stderr(printed):
            try:
                main()
            except SystemExit as exit:
                code = exit.code
        assert not code or "error: " in printed.getvalue(), printed.getvalue()
        return printed.getvalue()

    return run


def is_output(shown: str, printed: str) -> bool:
    """Compare but for numbers, which differ between machines; "..." stands for anything."""
    shown, printed = (NUMBER.sub("#", text) for text in (shown, printed))
    return OutputChecker().check_output(shown, printed, ELLIPSIS | NORMALIZE_WHITESPACE)


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.name)
def test_tutorial_is_true(page, follow):
    printed = ""
    for block in read_blocks(page):
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text)
        elif block.language == "console":
            commands = [command for command in block.commands if command.split()[0] not in NOT_RUN]
            printed = "".join(map(follow, commands))
        elif block.language == "text":
            assert is_output(block.text, printed), f"{block}:\n{printed}"
        elif block.language == "python":
            exec(compile(block.text, str(block), "exec"), {})


def commands_with_output() -> list[tuple[Block, Block]]:
    """Console blocks of other pages that have what they print right below."""
    pairs = [pair for page in PAGES if page not in TUTORIALS for pair in pairwise(read_blocks(page))]
    return [
        (block, below)
        for block, below in pairs
        if (block.language, below.language) == ("console", "text")
        and below.line == block.line + block.text.count("\n") + 3
    ]


@pytest.mark.parametrize(("block", "shown"), commands_with_output(), ids=str)
def test_shown_output_is_real(block, shown, follow):
    printed = "".join(map(follow, block.commands))
    assert is_output(shown.text, printed), printed
