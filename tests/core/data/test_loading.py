import gc
import multiprocessing
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from retinue.api import Batch, DataInfo, Dataset, Sample, read_image
from retinue.data.loading import Loader
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers
from retinue.errors import DataError

SIZE = 11


class Noise(Dataset):
    in_memory = True

    def __init__(self) -> None:
        self.info = DataInfo(classes=("a", "b"))
        self.images = torch.randint(0, 256, (SIZE, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator())

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> Sample:
        return {"image": tv_tensors.Image(self.images[index].clone()), "label": index}


class Files(Noise):
    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        self.paths = paths

    def __getitem__(self, index: int) -> Sample:
        return {"image": read_image(self.paths[index]), "label": 0, "path": self.paths[index]}


def numpy_noise(sample: Sample) -> Sample:
    return {**sample, "numpy": torch.from_numpy(np.random.normal(size=3))}


def python_noise(sample: Sample) -> Sample:
    return {**sample, "python": random.gauss()}


RANDOM = [
    ("random-horizontal-flip", v2.RandomHorizontalFlip()),
    ("color-jitter", v2.ColorJitter(0.5, 0.5)),
    ("numpy-noise", numpy_noise),
    ("python-noise", python_noise),
]


def loader(workers: int, dataset: Dataset | None = None, transforms: Any = RANDOM, learnt: bool = True) -> Loader:
    samples = PreparedSamples(dataset or Noise(), Preparation(transforms), seed=0)
    return Loader(samples, EpochBatches(SIZE, 4, 0, learnt, drop_last=False), Workers(workers))


def flatten(batches: list[Batch]) -> list[tuple[str, Any]]:
    return [(k, v.tolist() if isinstance(v, Tensor) else v) for batch in batches for k, v in sorted(batch.items())]


@pytest.fixture(scope="module")
def expected() -> list[list[tuple[str, Any]]]:
    """Three epochs, prepared in this process."""
    found = loader(workers=0)
    return [flatten(list(found.batches(epoch))) for epoch in range(3)]


def test_epochs_differ_in_order_and_in_draws(expected) -> None:
    for key in ("label", "image", "numpy", "python"):
        epochs = [str([value for name, value in epoch if name == key]) for epoch in expected]
        assert len(set(epochs)) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_the_same_for_any_number_of_workers(workers: int, expected) -> None:
    """Bit for bit, and in the second epoch too, which the same worker processes prepare."""
    found = loader(workers)
    assert [flatten(list(found.batches(epoch))) for epoch in range(3)] == expected


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_is_entered_in_the_middle(workers: int, expected) -> None:
    found = loader(workers)
    whole = list(found.batches(1))
    assert flatten(list(found.batches(1, start=2))) == flatten(whole[2:])
    assert flatten(whole) == expected[1]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_that_was_left_in_the_middle_disturbs_none_after_it(workers: int, expected) -> None:
    found = loader(workers)
    next(found.batches(0))
    assert flatten(list(found.batches(2))) == expected[2]


def test_the_programs_own_generators_are_left_alone() -> None:
    def draw() -> tuple[Any, ...]:
        return torch.rand(3).tolist(), np.random.random(), random.random()

    def seed() -> None:
        torch.manual_seed(1), np.random.seed(1), random.seed(1)

    seed()
    before = [draw() for _ in range(4)]
    seed()
    found = loader(workers=0)
    after = [draw()]
    for _ in found.batches(0):
        after.append(draw())
    assert after == before


def test_nothing_is_left_out_of_an_epoch() -> None:
    found = loader(workers=0)
    labels = [label for batch in found.batches(0) for label in batch["label"].tolist()]
    assert sorted(labels) == list(range(SIZE))
    assert len(found) == 3


@pytest.fixture
def files(tmp_path) -> list[str]:
    """Pictures of which the sixth is no picture."""
    paths = [tmp_path / f"{index}.png" for index in range(SIZE)]
    for path in paths:
        Image.new("RGB", (8, 8)).save(path)
    paths[5].write_text("not a picture")
    return [str(path) for path in paths]


def complaint(batches: Iterator[Batch]) -> str:
    # pytest.raises would keep the frames, and so the workers.
    try:
        next(batches)
    except DataError as error:
        return str(error)
    raise AssertionError("nothing was wrong")


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_file_is_one_sentence_from_a_worker_too(workers: int, files: list[str]) -> None:
    batches = loader(workers, Files(files), learnt=False).batches(0)
    assert next(batches)["path"] == files[:4]
    assert complaint(batches) == f"{files[5]}: is no picture in a format that Pillow reads"


def fail(sample: Sample) -> Sample:
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_transform_that_fails_is_named_from_a_worker_too(workers: int, files: list[str]) -> None:
    batches = loader(workers, Files(files), [("scale", fail)], learnt=False).batches(0)
    reason = "ZeroDivisionError: division by zero"
    assert complaint(batches) == f'transform "scale" failed on {files[0]} (3 x 8 x 8, uint8): {reason}'


@pytest.mark.parametrize("fails", [False, True])
def test_workers_end_with_their_loader(fails: bool, files: list[str]) -> None:
    # Other tests may have left processes of their own.
    others = set(multiprocessing.active_children())
    gc.disable()
    try:
        found = loader(2, Files(files), [("scale", fail)] if fails else [])
        if fails:
            complaint(found.batches(0))
        else:
            next(found.batches(0))
        assert len(set(multiprocessing.active_children()) - others) == 2
        del found
        assert not set(multiprocessing.active_children()) - others
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch's own handler decides")
def test_workers_leave_a_signal_to_the_main_process(expected) -> None:
    """A cluster sends SIGTERM to every process of a job; the last step must be finished all the same."""
    others = set(multiprocessing.active_children())
    found = loader(workers=2)
    batches = found.batches(0)
    # One of each worker: both have started by then.
    begun = [next(batches), next(batches)]
    workers = set(multiprocessing.active_children()) - others
    subprocess.run(["kill", "-TERM", *(str(worker.pid) for worker in workers)], check=True)
    assert flatten([*begun, *batches]) == expected[0]
    assert flatten(list(found.batches(1))) == expected[1]
    for worker in workers:
        worker.terminate()
        worker.join(10)
        assert worker.exitcode == 0


SPAWNING = """
import multiprocessing
import retinue

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    darkened = {f"data.{name}.transforms": ["vision/darken"] for name in ("train", "val")}
    retinue.train("spec.toml", {**darkened, "data.workers": 1, "train.epochs": 1}, out="run")
"""

DARKEN = """
from retinue.hooks import hookimpl


class Darken:
    def __call__(self, sample):
        return {**sample, "image": sample["image"] // 2}


@hookimpl
def retinue_transforms(register):
    register("darken", Darken, summary="half the light")
"""


def test_a_local_plugin_works_in_workers_that_are_spawned(spec: Path, local_plugin: Callable[[str], None]) -> None:
    """As they are on macOS and Windows."""
    local_plugin(DARKEN)
    script = spec.with_name("script.py")
    script.write_text(SPAWNING)
    done = subprocess.run([sys.executable, script], cwd=spec.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
