"""What ships inside keeps what third parties keep."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from retinue.testing import Case, check_plugin

REGISTRY = Path(__file__).parents[2] / "registry.toml"


# --- files of data sets


def save_picture(path: Path, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (8, 10, 3) if mode == "RGB" else (8, 10)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256 if mode == "RGB" else 2, shape, np.uint8)
    Image.fromarray(pixels, mode).save(path)


def write_folders(folder: Path) -> dict[str, Any]:
    for name in ("ants/1.png", "bees/2.png", "bees/3.png"):
        save_picture(folder / "pictures" / name)
    return {"root": folder / "pictures"}


def write_table(folder: Path) -> dict[str, Any]:
    save_picture(folder / "1.png")
    (folder / "table.csv").write_text("path,label\n1.png,b\n1.png,a\n", encoding="utf-8")
    return {"file": folder / "table.csv"}


def write_masks(folder: Path) -> dict[str, Any]:
    for name in ("1.png", "2.png"):
        save_picture(folder / "images" / name)
        save_picture(folder / "masks" / name, "L")
    return {"images": folder / "images", "masks": folder / "masks", "classes": ["cell", "membrane"]}


def write_idx(folder: Path) -> dict[str, Any]:
    for name, shape, data in (("images-idx3", (2, 2, 3), bytes(range(12))), ("labels-idx1", (2,), b"\x03\x09")):
        head = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
        (folder / f"t10k-{name}-ubyte").write_bytes(head + data)
    return {"root": folder, "part": "test"}


RECORDS = {"data": np.arange(3 * 3072, dtype=np.uint32).astype(np.uint8).reshape(3, 3072)}
CIFAR = {
    datasets.CIFAR10: {
        "data_batch_1": {**RECORDS, "labels": [3, 0, 9]},
        "test_batch": {**RECORDS, "labels": [3, 0, 9]},
        "batches.meta": {"label_names": [f"class {number}" for number in range(10)]},
    },
    datasets.CIFAR100: {
        "train": {**RECORDS, "fine_labels": [3, 0, 99]},
        "test": {**RECORDS, "fine_labels": [3, 0, 99]},
        "meta": {"fine_label_names": [f"class {number}" for number in range(100)]},
    },
}
"""Files by name, in the form of the official ones."""


@pytest.fixture(scope="module", autouse=True)
def _small_cifar_passes_for_the_official_one() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for source, files in CIFAR.items():
            sums = [[name, hashlib.md5(pickle.dumps(content)).hexdigest()] for name, content in files.items()]
            train, test, (meta, md5) = sums
            patch.setattr(source, "train_list", [train])
            patch.setattr(source, "test_list", [test])
            patch.setattr(source, "meta", {**source.meta, "filename": meta, "md5": md5})
        yield


def write_cifar(source: type[datasets.CIFAR10]) -> Any:
    def write(folder: Path) -> dict[str, Any]:
        (folder / source.base_folder).mkdir()
        for name, content in CIFAR[source].items():
            (folder / source.base_folder / name).write_bytes(pickle.dumps(content))
        return {"root": folder, "part": "test"}

    return write


# --- cases

FLIPS = {"transforms": ["builtin/random-horizontal-flip", {"use": "builtin/random-rotation", "degrees": 20}]}
POLICIES = ("auto-augment", "rand-augment", "trivial-augment-wide", "aug-mix")
VOID = 255
SCENES: dict[str, Any] = {"task": "segmentation", "ignore_index": VOID, "sizes": ((12, 16),)}

DATASETS = [
    Case("dataset", "digit-scenes", {"part": "val"}),
    Case("dataset", "image-folder", write_folders),
    Case("dataset", "csv", write_table),
    Case("dataset", "mask-folder", write_masks),
    Case("dataset", "mnist", write_idx),
    Case("dataset", "fashion-mnist", write_idx),
    Case("dataset", "cifar10", write_cifar(datasets.CIFAR10)),
    Case("dataset", "cifar100", write_cifar(datasets.CIFAR100)),
]

# What a spec must give, and where the default is to do nothing or seldom something, what makes it act.
TRANSFORMS = [
    Case("transform", "resize", {"size": 16}, fixed=True),
    Case("transform", "center-crop", {"size": 16}, fixed=True),
    Case("transform", "random-crop", {"size": 16}),
    Case("transform", "random-crop", {"size": 44, "pad_if_needed": True}, ignore_index=VOID),
    Case("transform", "random-resized-crop", {"size": 16}),
    Case("transform", "pad", {"padding": [2, 5, 1, 0]}, fixed=True),
    Case("transform", "random-rotation", {"degrees": 30, "expand": True}, ignore_index=VOID),
    Case("transform", "random-affine", {"degrees": 20, "translate": [0.1, 0.1], "scale": [0.8, 1.2], "shear": 10}),
    Case("transform", "color-jitter", {"brightness": 0.5, "contrast": 0.5, "saturation": 0.5, "hue": 0.2}),
    Case("transform", "grayscale", fixed=True),
    Case("transform", "random-grayscale", {"p": 0.5}),
    Case("transform", "rgb", fixed=True, channels=1),
    Case("transform", "random-posterize", {"bits": 3}),
    Case("transform", "random-solarize", {"threshold": 128}),
    Case("transform", "clahe", fixed=True),
    Case("transform", "gaussian-blur", {"kernel_size": 3}),
    Case("transform", "random-adjust-sharpness", {"sharpness_factor": 2}),
    Case("transform", "jpeg", {"quality": [10, 90]}),
    Case("transform", "normalize", {"stats": "imagenet"}, fixed=True),
    Case("transform", "whiten", fixed=True),
    Case("transform", "to-dtype", fixed=True),
    Case("transform", "one-hot", fixed=True),
    *(Case("transform", name, masks=False) for name in POLICIES),
    *(Case("transform", name, FLIPS) for name in ("random-apply", "random-choice", "random-order")),
]


LOSSES = [
    *(Case("loss", name) for name in ("cross-entropy", "focal")),
    *(Case("loss", name, **SCENES) for name in ("cross-entropy", "focal")),
    *(Case("loss", name, task="multilabel") for name in ("bce", "sigmoid-focal")),
    *(Case("loss", name, task="regression") for name in ("mse", "l1", "smooth-l1")),
    Case("loss", "sum", {"terms": [{"loss": "builtin/cross-entropy"}, {"loss": "builtin/focal", "weight": 2.0}]}),
]

RATES = ("accuracy", "precision", "recall", "f1", "iou", "confusion-matrix")
METRICS = [
    *(Case("metric", name) for name in RATES),
    Case("metric", "top-k", {"k": 2}),
    *(Case("metric", name, task="multilabel") for name in RATES if name != "confusion-matrix"),
    *(Case("metric", name, **SCENES) for name in RATES),
    *(Case("metric", name, task="regression") for name in ("mse", "mae")),
]

SCHEDULERS = [
    Case("scheduler", "step", {"step_size": 4}),
    Case("scheduler", "multi-step", {"milestones": [4, 12]}),
    Case("scheduler", "exponential", {"gamma": 0.9}),
    Case("scheduler", "cosine-warm-restarts", {"t_0": 6}),
    Case("scheduler", "one-cycle", {"max_lr": 1.0}),
    Case("scheduler", "cyclic", {"base_lr": 0.01, "max_lr": 1.0, "step_size_up": 3}),
    Case("scheduler", "plateau", {"patience": 2}),
]

ADAPTS = {"keeps-groups-apart": "lr is the size of its first step; it adapts those that follow"}
OPTIMIZERS = [
    Case("optimizer", "sgd", {"lr": 0.1, "momentum": 0.9}),
    Case("optimizer", "rprop", exempt=ADAPTS),
]

TASKS = [Case("task", name, task=name) for name in ("classification", "multilabel", "regression", "segmentation")]

CASES = [*DATASETS, *TRANSFORMS, *LOSSES, *METRICS, *SCHEDULERS, *OPTIMIZERS, *TASKS]

test_plugin = check_plugin("builtin", CASES, registry=REGISTRY)
