from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retinue.build import Builder, build_trainer, load_earlier_weights
from retinue.engine.distributed import Group
from retinue.engine.trainer import Trainer
from retinue.plan import Plan, make_plan
from retinue.plugins.registry import Registry
from retinue.rundir import RunDirectory
from retinue.spec.loading import load_spec

MakePlan = Callable[..., Plan]
BuildRun = Callable[..., tuple[Trainer, Builder]]


@pytest.fixture
def plan(spec: Path) -> MakePlan:
    """Plan the spec of a small network on the digits with overrides."""
    return lambda overrides=(): make_plan(load_spec(spec, overrides), Registry())


@pytest.fixture
def build(plan: MakePlan, tmp_path: Path) -> BuildRun:
    """Build that run, and write nothing."""

    def run(overrides: object = ()) -> tuple[Trainer, Builder]:
        planned = plan(overrides)
        return build_trainer(planned, RunDirectory(tmp_path / "run"), Group(), partial(load_earlier_weights, planned))

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of pictures, so many of each class."""

    def write(name: str, size: tuple[int, int] = (8, 8), **counts: int) -> Path:
        for label, count in counts.items():
            (tmp_path / name / label).mkdir(parents=True)
            for number in range(count):
                pixels = np.full((*size, 3), number, np.uint8)
                Image.fromarray(pixels).save(tmp_path / name / label / f"{number}.png")
        return tmp_path / name

    return write
