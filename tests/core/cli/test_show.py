"""retinue show"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.core.cli.conftest import Answer
from torch import Tensor

from retinue.api.sheet import draw_samples, split_batch
from retinue.build import build_trainer, load_earlier_weights
from retinue.engine.distributed import Group
from retinue.engine.loop import train_step
from retinue.engine.trainer import Trainer
from retinue.plan import make_plan
from retinue.plugins.registry import Registry
from retinue.rundir import RunDirectory
from retinue.spec.loading import load_spec

TURNED = "data.train.transforms=[{use='random-rotation', degrees=40}]"
MIXED = "data.train.transforms=[{use='random-rotation', degrees=40}, {use='mixup'}]"


def read(path: Path) -> Tensor:
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def build(spec: Path, *overrides: str) -> Trainer:
    plan = make_plan(load_spec(spec, overrides), Registry())
    return build_trainer(plan, RunDirectory("run"), Group(), partial(load_earlier_weights, plan))[0]


def test_the_sheet_shows_what_a_run_sees_first(command: Callable[..., Answer], spec: Path) -> None:
    answer = command("show", spec, TURNED, "data.batch_size=8")
    assert (answer.code, answer.out, answer.err) == (0, "spec-train.png\n", "")
    trainer = build(spec, TURNED, "data.batch_size=8")
    batches = trainer.train.batches(epoch=0)
    samples = [*split_batch(next(batches)), *split_batch(next(batches))]
    assert torch.equal(read(Path("spec-train.png")), draw_samples(samples, trainer.run.info))


def test_mixed_batches_are_shown_as_the_task_gets_them(command: Callable[..., Answer], spec: Path) -> None:
    assert command("show", spec, MIXED, "--count", 5, "--out", "sheets/mixed.png").out == "sheets/mixed.png\n"
    trainer = build(spec, MIXED)
    seen = []
    trainer.run.task.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    train_step(trainer, next(iter(trainer.train.batches(epoch=0))))
    assert seen[0]["label"].is_floating_point()
    assert torch.equal(read(Path("sheets/mixed.png")), draw_samples(split_batch(seen[0], 5), trainer.run.info))


def test_validation_data_come_in_their_own_order(command: Callable[..., Answer], spec: Path) -> None:
    command("show", spec, "--split", "val", "--count", 3)
    trainer = build(spec)
    assert trainer.val is not None
    samples = split_batch(next(iter(trainer.val.batches(epoch=0))), 3)
    assert torch.equal(read(Path("spec-val.png")), draw_samples(samples, trainer.run.info))


def test_a_small_set_is_shown_whole(command: Callable[..., Answer], spec: Path) -> None:
    few = "data.train={use='fake', samples=3}"
    assert command("show", spec, few, "data.val={use='fake'}", "--count", 50).code == 0
    assert read(Path("spec-train.png")).shape[1:] < (400, 400)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "test"], "the spec has no [data.test]; it has train, val"),
        (["--out", "sheet.xyz"], "sheet.xyz cannot be written: unknown file extension: .xyz"),
        (["--out", "spec.toml/sheet.png"], "spec.toml/sheet.png cannot be written"),
    ],
)
def test_mistakes_are_told(command: Callable[..., Answer], spec: Path, arguments: list[str], message: str) -> None:
    answer = command("show", spec, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
