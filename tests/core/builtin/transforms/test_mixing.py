from __future__ import annotations

from typing import Any

import pytest
import torch

from retinue.builtin.transforms.mixing import cutmix, mixup
from retinue.errors import DataError

MIXES = pytest.mark.parametrize("mix", [mixup(5), cutmix(5)], ids=["mixup", "cutmix"])


def test_mixup_blends_neighbours_with_one_weight(make_batch: Any) -> None:
    batch = make_batch()
    result = mixup(5)(batch)
    before = batch["image"] / 255
    weight = result["label"][1, 1].item()
    assert 0 < weight < 1
    torch.testing.assert_close(result["image"], weight * before + (1 - weight) * before.roll(1, 0))
    assert result["label"][1].tolist() == pytest.approx([1 - weight, weight, 0, 0, 0])


def test_cutmix_weighs_labels_by_area(make_batch: Any) -> None:
    batch = make_batch(count=2)
    before = batch["image"] / 255
    torch.manual_seed(3)
    result = cutmix(5)({**batch, "image": before})
    kept = (result["image"] == before).all(1)
    pasted = (result["image"] == before.roll(1, 0)).all(1)
    assert (kept | pasted).all()
    assert 0 < kept[0].float().mean() < 1
    assert result["label"][0, 0].item() == pytest.approx(kept[0].float().mean().item())


@MIXES
def test_labels_become_weights_that_add_up(mix: Any, make_batch: Any) -> None:
    label = mix(make_batch())["label"]
    assert label.dtype == torch.float32
    assert label.shape == (4, 5)
    assert label.sum(1).tolist() == pytest.approx([1] * 4)


@MIXES
def test_soft_labels_give_what_integers_give(mix: Any, make_batch: Any) -> None:
    batch = make_batch()
    soft = {**batch, "label": torch.nn.functional.one_hot(batch["label"], 5).float()}
    torch.manual_seed(0)
    expected = mix(batch)["label"]
    torch.manual_seed(0)
    torch.testing.assert_close(mix(soft)["label"], expected)


@MIXES
def test_one_mix_upon_another(mix: Any, make_batch: Any) -> None:
    assert cutmix(5)(mix(make_batch()))["label"].sum(1).tolist() == pytest.approx([1] * 4)


def test_small_alpha_keeps_nearly_one_picture(make_batch: Any) -> None:
    strongest = [mixup(5, alpha=0.01)(make_batch())["label"].amax().item() for _ in range(50)]
    assert sum(weight > 0.99 for weight in strongest) > 40


@MIXES
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_every_device_sees_the_same(mix: Any, make_batch: Any) -> None:
    batch = make_batch()
    torch.manual_seed(0)
    here = mix(batch)
    torch.manual_seed(0)
    there = mix({key: value.cuda() if isinstance(value, torch.Tensor) else value for key, value in batch.items()})
    torch.testing.assert_close(there["image"].cpu(), here["image"])
    torch.testing.assert_close(there["label"].cpu(), here["label"])


@MIXES
def test_labels_of_another_length_are_refused(mix: Any, make_batch: Any) -> None:
    with pytest.raises(DataError, match=r"takes labels N or N x 5, and these are \(4, 3\)"):
        mix({**make_batch(), "label": torch.zeros(4, 3)})


@MIXES
def test_batches_without_labels_are_refused(mix: Any, make_batch: Any) -> None:
    with pytest.raises(DataError, match="mixes labels, and the samples have only image, target"):
        mix({"image": make_batch()["image"], "target": torch.zeros(4, 1)})
