"""What every registered transform keeps, whichever it is."""

from __future__ import annotations

import importlib
import inspect
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from docstring_parser import parse
from pydantic import ConfigDict, create_model
from torchvision import tv_tensors
from torchvision.transforms import v2

from retinue.api import BatchTransform
from retinue.builtin.plugin import retinue_transforms

TARGETS: dict[str, str] = {}
retinue_transforms(lambda name, target, **_: TARGETS.update({name: target}))

# What a spec must give, and where the default is to do nothing or seldom something, what makes it act.
PARAMETERS: dict[str, dict[str, Any]] = {
    "center-crop": {"size": 16},
    "color-jitter": {"brightness": 0.5, "contrast": 0.5, "saturation": 0.5, "hue": 0.2},
    "gaussian-blur": {"kernel_size": 3},
    "jpeg": {"quality": [10, 90]},
    "mixup": {"num_classes": 5},
    "cutmix": {"num_classes": 5},
    "normalize": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]},
    "one-hot": {"num_classes": 5},
    "pad": {"padding": 2},
    "random-adjust-sharpness": {"sharpness_factor": 2},
    "random-affine": {"degrees": 20, "translate": [0.1, 0.1], "scale": [0.8, 1.2], "shear": 10},
    "random-crop": {"size": 16},
    "random-grayscale": {"p": 0.5},
    "random-posterize": {"bits": 3},
    "random-resized-crop": {"size": 16},
    "random-rotation": {"degrees": 30},
    "random-solarize": {"threshold": 128},
    "resize": {"size": 16},
}
FLIPS = {"transforms": [v2.RandomHorizontalFlip(), v2.RandomRotation(20)]}
NESTED: dict[str, dict[str, Any]] = {"random-apply": FLIPS, "random-choice": FLIPS, "random-order": FLIPS}

FIXED = {"center-crop", "clahe", "grayscale", "normalize", "one-hot", "pad", "resize", "rgb", "to-dtype", "whiten"}
RANDOM = sorted(set(TARGETS) - FIXED)


def load(name: str) -> Callable[..., Any]:
    module, _, attribute = TARGETS[name].partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return loaded


def build(name: str, channels: int) -> Callable[[Any], Any]:
    parameters = {**PARAMETERS.get(name, {}), **NESTED.get(name, {})}
    if name == "normalize":
        parameters = {key: value[:channels] for key, value in parameters.items()}
    transform: Callable[[Any], Any] = load(name)(**parameters)
    return transform


@pytest.fixture(params=[1, 3], ids=["grey", "rgb"])
def channels(request: pytest.FixtureRequest) -> int:
    channels: int = request.param
    return channels


@pytest.fixture
def make_input(make_sample: Any, make_batch: Any) -> Callable[[Any, int], Any]:
    return lambda transform, channels: (make_batch if isinstance(transform, BatchTransform) else make_sample)(channels)


def draw(transform: Any, given: dict[str, Any], seed: int, count: int = 12) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    return [transform(given)["image"] for _ in range(count)]


def equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", TARGETS)
def test_result_is_a_valid_sample(name: str, channels: int, make_input: Any) -> None:
    transform = build(name, channels)
    given = make_input(transform, channels)
    before = given["image"].clone()
    for _ in range(8):
        result = transform(given)
        image = result["image"]
        assert image.dtype in (torch.uint8, torch.float32)
        assert image.shape[-3] in (1, 3)
        assert image.ndim == given["image"].ndim
        assert image.isfinite().all()
        assert list(result) == list(given)
        assert result["path"] == given["path"]
        if not isinstance(transform, BatchTransform):
            assert type(image) is tv_tensors.Image
        if name not in ("mixup", "cutmix", "one-hot"):
            assert result["label"] == 3
    assert torch.equal(given["image"], before), "the data set's own picture was changed"


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"mixup", "cutmix", "one-hot"}))
def test_label_vectors_pass_untouched(name: str, make_sample: Any) -> None:
    label = torch.tensor([0.0, 1.0, 1.0])
    assert build(name, 3)(make_sample(label=label))["label"] is label


@pytest.mark.parametrize("name", TARGETS)
def test_torch_seed_alone_fixes_it(name: str, channels: int, make_input: Any) -> None:
    transform = build(name, channels)
    given = make_input(transform, channels)
    random.seed(1)
    np.random.seed(1)
    first = draw(transform, given, seed=7)
    random.seed(2)
    np.random.seed(2)
    assert equal(first, draw(transform, given, seed=7))


@pytest.mark.parametrize("name", RANDOM)
def test_seeds_differ(name: str, make_input: Any) -> None:
    transform = build(name, 3)
    given = make_input(transform, 3)
    assert not equal(draw(transform, given, seed=7), draw(transform, given, seed=8))


@pytest.mark.parametrize("name", sorted(FIXED))
def test_fixed_ones_draw_nothing(name: str, make_input: Any) -> None:
    transform = build(name, 3)
    given = make_input(transform, 3)
    before = torch.get_rng_state()
    transform(given)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", TARGETS)
def test_survives_pickling(name: str, make_input: Any) -> None:
    transform = build(name, 3)
    given = make_input(transform, 3)
    copy = pickle.loads(pickle.dumps(transform))
    assert isinstance(copy, BatchTransform) == isinstance(transform, BatchTransform)
    assert equal(draw(transform, given, seed=7), draw(copy, given, seed=7))


@pytest.mark.parametrize("name", TARGETS)
def test_parameters_are_typed_documented_and_json(name: str) -> None:
    target = load(name)
    parameters = inspect.signature(target, eval_str=True).parameters
    documented = {found.arg_name for found in parse(target.__doc__ or "").params}
    assert documented == set(parameters)
    fields: dict[str, Any] = {
        key: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for key, parameter in parameters.items()
        if name not in NESTED or key != "transforms"
    }
    model = create_model(name, __config__=ConfigDict(extra="forbid", validate_default=True), **fields)
    assert model.model_json_schema()
    model.model_validate(PARAMETERS.get(name, {}))
    assert (target.__doc__ or "").strip()
