"""When commands look for garbage."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Command
    from tests.core.cli.conftest import Answer

LOOKING = """
import gc
import os
from retinue.hooks import hookimpl

def build():
    def look(sample):
        # Once: they are counted one by one.
        if not os.path.exists("looked.txt"):
            with open("looked.txt", "w") as file:
                print(gc.isenabled(), gc.get_freeze_count() > 100_000, file=file)
        return sample
    return look

@hookimpl
def retinue_transforms(register):
    register("look", build, summary="Writes down whether garbage is collected.")
"""

LEAVING = """
from retinue.api import Callback
from retinue.hooks import hookimpl

class Cycle:
    def __init__(self):
        self.own = self

    def __del__(self):
        from colorsys import rgb_to_hsv
        print("finalized")

class Leave(Callback):
    def end(self, run):
        self.left = Cycle()

@hookimpl
def retinue_callbacks(register):
    register("leave", Leave, summary="Leaves garbage.")
"""


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_every_command_that_computes_collects_garbage_but_what_was_imported(
    spec: Path, local_plugin: Callable[[str], None], command: Callable[..., Answer]
) -> None:
    local_plugin(LOOKING)
    text = spec.read_text(encoding="utf-8").replace("split", 'transforms = ["look"], split')
    spec.write_text(text, encoding="utf-8")
    looked = spec.with_name("looked.txt")
    computing: list[tuple[object, ...]] = [
        ("check", spec),
        ("summary", spec),
        ("show", spec),
        ("find-lr", spec, "--steps", 20),
        ("train", spec, "--out", "run"),
        ("train", "--resume", "run"),
        ("evaluate", "run"),
        ("predict", "run", "spec-train.png"),
        ("cam", "run", "spec-train.png"),
    ]
    for arguments in computing:
        gc.unfreeze()
        command(*arguments)
        assert looked.read_text() == "True True\n", arguments
        looked.unlink()
    assert gc.isenabled()


def test_what_a_command_leaves_is_finalized_while_modules_can_be_imported(
    spec: Path, local_plugin: Callable[[str], None], retinue: Command
) -> None:
    local_plugin(LEAVING)
    answer = retinue("train", spec, "train.steps=1", "~train.epochs", 'callbacks=["leave"]', cwd=spec.parent)
    assert answer.stdout.endswith("finalized\n")
    assert "leaked" not in answer.stderr
