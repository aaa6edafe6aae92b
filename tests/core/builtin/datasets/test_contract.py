"""What holds for every built-in data set."""

from __future__ import annotations

import importlib
import inspect
import json
import pickle
import typing

import docstring_parser
import pydantic
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from retinue import hooks
from retinue.api import Dataset
from retinue.builtin import plugin


def registered() -> dict[str, type[Dataset]]:
    targets: dict[str, str] = {}
    plugin.retinue_datasets(lambda name, target, *, summary: targets.update({name: target}))
    return {name: load(target) for name, target in targets.items()}


def load(target: str) -> type[Dataset]:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


CLASSES = registered()


# CIFAR's files must have the official MD5 sums: test_cifar.py makes some that pass for them.
@pytest.fixture(params=sorted(set(CLASSES) - {"cifar10", "cifar100"}))
def dataset(request, tmp_path, save_picture, real_data) -> Dataset:
    cls = CLASSES[request.param]
    if request.param in ("mnist", "fashion-mnist"):
        return cls(real_data(request.param), "test")
    if request.param == "image-folder":
        for name in ("ants/1.png", "bees/2.png", "bees/3.png"):
            save_picture(tmp_path / name)
        return cls(tmp_path)
    if request.param == "csv":
        save_picture(tmp_path / "1.png")
        (tmp_path / "t.csv").write_text("path,label\n1.png,b\n1.png,a\n")
        return cls(tmp_path / "t.csv")
    if request.param == "mask-folder":
        for name in ("1.png", "2.png"):
            save_picture(tmp_path / "images" / name)
            save_picture(tmp_path / "masks" / name)
            Image.new("L", Image.open(tmp_path / "images" / name).size, 1).save(tmp_path / "masks" / name)
        return cls(tmp_path / "images", tmp_path / "masks", ["cell", "membrane"])
    return cls("val") if request.param == "digit-scenes" else cls()


def test_all_are_registered():
    assert set(CLASSES) == {
        "digits",
        "mnist",
        "fashion-mnist",
        "cifar10",
        "cifar100",
        "image-folder",
        "csv",
        "mask-folder",
        "digit-scenes",
        "fake",
    }


def test_labels_and_info_agree_with_samples(dataset):
    indices = [*range(min(len(dataset), 300)), len(dataset) - 1]
    for index in indices:
        sample = dataset[index]
        image = sample["image"]
        assert isinstance(image, tv_tensors.Image)
        assert image.dtype == torch.uint8
        assert image.ndim == 3
        assert image.shape[0] == dataset.info.channels
        assert dataset.info.image_size in (None, tuple(image.shape[1:]))
        if "mask" in sample:
            assert isinstance(sample["mask"], tv_tensors.Mask)
            assert sample["mask"].shape == image.shape[1:]
            assert set(sample["mask"].unique().tolist()) <= {
                *range(dataset.info.num_classes),
                dataset.info.ignore_index,
            }
            continue
        assert type(sample["label"]) is int
        assert sample["label"] == dataset.labels[index]
    if dataset.labels is not None:
        assert len(dataset.labels) == len(dataset)
        assert set(dataset.labels) <= set(range(dataset.info.num_classes))


def test_can_be_pickled_for_workers(dataset):
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.info == dataset.info
    assert copy.labels == dataset.labels
    assert torch.equal(copy[1]["image"], dataset[1]["image"])


def test_a_transform_that_writes_into_a_sample_changes_no_data(dataset):
    before = dataset[0]["image"].clone()
    dataset[0]["image"].fill_(7)
    assert torch.equal(dataset[0]["image"], before)


def test_index_beyond_the_end_is_refused(dataset):
    with pytest.raises(IndexError):
        dataset[len(dataset)]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_parameters_are_typed_documented_and_free_of_reserved_names(name):
    cls = CLASSES[name]
    parameters = inspect.signature(cls).parameters
    hints = typing.get_type_hints(cls.__init__, include_extras=True)
    documented = {entry.arg_name for entry in docstring_parser.parse(inspect.getdoc(cls)).params}
    assert set(parameters) == documented
    reserved = {"use", *hooks.DATA_PARAMETERS, *(key for key, _ in hooks.KINDS["dataset"].keys)}
    assert not reserved & set(parameters)
    for parameter in parameters:
        json.dumps(pydantic.TypeAdapter(hints[parameter]).json_schema())
