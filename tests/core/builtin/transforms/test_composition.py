from __future__ import annotations

from typing import Any

import pytest
import torch

from retinue.api import BatchTransform
from retinue.builtin.transforms.color import random_invert
from retinue.builtin.transforms.composition import random_apply, random_choice, random_order
from retinue.builtin.transforms.mixing import cutmix, mixup
from retinue.builtin.transforms.scaling import normalize
from retinue.errors import SpecError


def add(amount: int) -> Any:
    return lambda sample: {**sample, "trace": [*sample.get("trace", []), amount]}


def traces(transform: Any, count: int = 60) -> list[tuple[int, ...]]:
    return [tuple(transform({}).get("trace", ())) for _ in range(count)]


def test_apply_is_all_or_nothing() -> None:
    assert set(traces(random_apply([add(1), add(2)]))) == {(), (1, 2)}
    assert set(traces(random_apply([add(1)], p=0))) == {()}


def test_choice_takes_one_by_weight() -> None:
    assert set(traces(random_choice([add(1), add(2)]))) == {(1,), (2,)}
    drawn = traces(random_choice([add(1), add(2), add(3)], p=[1, 0, 9]), count=300)
    assert set(drawn) == {(1,), (3,)}
    assert drawn.count((3,)) > 200


def test_order_takes_all() -> None:
    assert set(traces(random_order([add(1), add(2)]))) == {(1, 2), (2, 1)}


def test_compositions_nest(make_sample: Any) -> None:
    transform = random_apply([random_order([random_invert(1), random_choice([random_invert(1)])])], p=1)
    sample = make_sample()
    assert torch.equal(transform(sample)["image"], sample["image"])


def test_choice_of_batch_transforms_is_one(make_batch: Any) -> None:
    transform = random_choice([mixup(5), cutmix(5)])
    assert isinstance(transform, BatchTransform)
    assert transform(make_batch())["label"].shape == (4, 5)
    assert not isinstance(random_choice([random_invert()]), BatchTransform)


@pytest.mark.parametrize("compose", [random_apply, random_choice, random_order])
def test_samples_and_batches_do_not_mix(compose: Any) -> None:
    with pytest.raises(SpecError, match="some that act on samples and some that act on batches"):
        compose([normalize("mnist"), mixup(5)])


@pytest.mark.parametrize("compose", [random_apply, random_choice, random_order])
def test_nothing_to_compose_is_refused(compose: Any) -> None:
    with pytest.raises(SpecError, match="transforms is empty"):
        compose([])


@pytest.mark.parametrize("p", [[1.0], [0.0, 0.0]])
def test_weights_that_do_not_fit_are_refused(p: list[float]) -> None:
    with pytest.raises(SpecError, match="a weight for each of 2 transforms"):
        random_choice([random_invert(), random_invert()], p)
