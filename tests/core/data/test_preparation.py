import random
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample
from retinue.data.batches import collate, join_batches, slice_batch
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedBatch, PreparedSamples
from retinue.errors import DataError


def picture(height: int = 4, width: int = 4, dtype: torch.dtype = torch.uint8) -> Tensor:
    return tv_tensors.Image(torch.zeros(3, height, width, dtype=dtype))


class Blank(Dataset):
    in_memory = True

    def __init__(self) -> None:
        self.info = DataInfo(classes=("a", "b"))

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> Sample:
        return {"image": picture(), "label": index % 2, "path": f"folder/{index}.png"}


def draw(sample: Sample) -> Sample:
    """Draws from all three generators, as transforms do."""
    return {**sample, "draws": torch.tensor([torch.rand(()).item(), np.random.random(), random.random()]).double()}


def drawn(epoch: int, index: int, seed: int = 0) -> list[float]:
    samples = PreparedSamples(Blank(), Preparation([("draw", draw)]), seed)
    return samples[(epoch, index)]["draws"].tolist()  # type: ignore[no-any-return]


def test_what_a_sample_becomes_depends_on_seed_epoch_and_index_alone() -> None:
    random.random(), np.random.random(), torch.rand(3)
    first = drawn(2, 3)
    random.random(), np.random.random(), torch.rand(3)
    assert drawn(2, 3) == first
    for other in (drawn(1, 3), drawn(2, 4), drawn(2, 3, seed=1)):
        assert all(a != b for a, b in zip(first, other, strict=True))


def test_a_sample_is_the_same_alone_and_in_any_batch() -> None:
    samples = PreparedSamples(Blank(), Preparation([("draw", draw)]), 0)
    keys = [(0, 4), (0, 1), (0, 7)]
    prepared = samples.__getitems__(keys)
    assert isinstance(prepared, PreparedBatch)
    assert [row.tolist() for row in prepared.batch["draws"]] == [drawn(*key) for key in keys]


class Torn(Blank):
    """Of its samples the first three cannot be read."""

    def __getitem__(self, index: int) -> Sample:
        if index < 3:
            raise DataError(f"{index}.png: is cut off")
        return super().__getitem__(index)


def test_what_cannot_be_read_is_left_out_and_named_where_it_may_be() -> None:
    samples = PreparedSamples(Torn(), Preparation([("draw", draw)]), 0, skips=True)
    prepared = samples.__getitems__([(0, 4), (0, 1), (0, 7), (0, 2)])
    assert isinstance(prepared, PreparedBatch)
    assert prepared.batch["path"] == ["folder/4.png", "folder/7.png"]
    assert [row.tolist() for row in prepared.batch["draws"]] == [drawn(0, 4), drawn(0, 7)]
    assert prepared.unreadable == ["1.png: is cut off", "2.png: is cut off"]
    strict = PreparedSamples(Torn(), Preparation([("draw", draw)]), 0).__getitems__([(0, 4), (0, 1)])
    assert str(strict) == "1.png: is cut off"


def test_a_batch_of_which_nothing_can_be_read_is_an_error_all_the_same() -> None:
    error = PreparedSamples(Torn(), Preparation([]), 0, skips=True).__getitems__([(0, 2), (0, 0)])
    assert isinstance(error, DataError)
    assert str(error) == "no sample of a batch can be read: 2.png: is cut off"


def test_a_transform_that_fails_is_never_left_out() -> None:
    def fail(sample: Sample) -> Sample:
        raise ValueError("kernel size must be odd")

    error = PreparedSamples(Blank(), Preparation([("blur", fail)]), 0, skips=True).__getitems__([(0, 2), (0, 0)])
    assert isinstance(error, DataError)
    assert "kernel size must be odd" in str(error)


@pytest.mark.parametrize("cuts", [[0, 3], [0, 1, 3], [0, 0, 2, 3]])
def test_batches_that_are_cut_and_joined_are_what_they_were(cuts: list[int]) -> None:
    batch = collate([{**Blank()[index], "draws": torch.rand(2)} for index in range(3)])
    joined = join_batches([slice_batch(batch, start, end) for start, end in pairwise(cuts)])
    assert joined.keys() == batch.keys()
    assert all(torch.equal(joined[key], batch[key]) for key in ("image", "label", "draws"))
    assert joined["path"] == batch["path"]


def test_transforms_act_in_order() -> None:
    double = ("double", lambda sample: {"image": sample["image"] * 2})
    one_more = ("one-more", lambda sample: {"image": sample["image"] + 1})
    assert Preparation([one_more, double])({"image": 1}) == {"image": 4}
    assert Preparation([double, one_more])({"image": 1}) == {"image": 3}


def test_a_transform_that_fails_is_named_with_the_picture() -> None:
    def fail(sample: Sample) -> Sample:
        raise ValueError("kernel size must be odd")

    with pytest.raises(DataError) as caught:
        Preparation([("draw", draw), ("blur", fail)])(Blank()[7])
    message = 'transform "blur" failed on folder/7.png (3 x 4 x 4, uint8): ValueError: kernel size must be odd'
    assert str(caught.value) == message


def test_what_a_transform_says_itself_stays_as_it_is() -> None:
    def refuse(sample: Sample) -> Sample:
        raise DataError("clahe acts on uint8 pictures")

    with pytest.raises(DataError, match=r"^clahe acts on uint8 pictures$"):
        Preparation([("clahe", refuse)])(Blank()[0])


def test_a_batch_stacks_tensors_and_lists_strings() -> None:
    batch = collate([Blank()[2], Blank()[3]])
    assert batch["image"].shape == (2, 3, 4, 4)
    assert batch["image"].dtype == torch.uint8
    assert batch["label"].tolist() == [0, 1]
    assert batch["label"].dtype == torch.int64
    assert batch["path"] == ["folder/2.png", "folder/3.png"]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            [{"image": picture(4, 4), "path": "a.png"}, {"image": picture(4, 6), "path": "b.png"}],
            r"^images of a batch differ in size: a\.png \(3 x 4 x 4, uint8\) and b\.png \(3 x 4 x 6, uint8\); "
            r"a transform that gives them one size is needed, such as resize or center-crop$",
        ),
        (
            [{"image": picture()}, {"image": picture(dtype=torch.float32)}],
            r"^images of a batch differ in type: uint8 of a sample .*, float32 of a sample .*"
            r"a transform that changes the type must act on every sample$",
        ),
        (
            [{"label": 1, "path": "a.png"}, {"label": torch.tensor([0.0, 1.0]), "path": "b.png"}],
            r"^labels of a batch differ in type: int of a\.png, float32 of b\.png",
        ),
        (
            [{"label": 1, "path": "a.png"}, {"target": 1, "path": "b.png"}],
            r"^b\.png has \['path', 'target'\], a\.png has \['label', 'path'\]$",
        ),
    ],
    ids=["size", "dtype", "label type", "keys"],
)
def test_samples_that_make_no_batch_are_told_in_one_sentence(samples: list[Sample], message: str) -> None:
    with pytest.raises(DataError, match=message):
        collate(samples)
