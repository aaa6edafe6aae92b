from collections import Counter

import pytest
import torch
from torchvision import tv_tensors

from retinue.api import DataInfo, Dataset, Sample
from retinue.data.splitting import Part, split_indices

LABELS = [0] * 50 + [1] * 30 + [2] * 20


class Numbered(Dataset):
    """Each picture shows its index."""

    in_memory = True

    def __init__(self, labels: list[int] | None) -> None:
        self.info = DataInfo(classes=("a", "b", "c"), channels=1)
        self.labels = labels

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> Sample:
        return {"image": tv_tensors.Image(torch.full((1, 2, 2), index, dtype=torch.uint8)), "label": LABELS[index]}


@pytest.mark.parametrize("labels", [None, LABELS], ids=["plain", "stratified"])
@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 0.8, 0.99])
def test_parts_are_disjoint_and_complete(labels, fraction: float) -> None:
    first, second = split_indices(100, labels, fraction, seed=0)
    assert sorted(first + second) == list(range(100))


def test_a_stratified_part_keeps_the_share_of_each_class() -> None:
    first, second = split_indices(100, LABELS, 0.7, seed=0)
    assert Counter(LABELS[index] for index in first) == {0: 35, 1: 21, 2: 14}
    assert Counter(LABELS[index] for index in second) == {0: 15, 1: 9, 2: 6}


def test_a_plain_part_is_drawn_from_all() -> None:
    first, second = split_indices(100, None, 0.8, seed=0)
    assert (len(first), len(second)) == (80, 20)
    assert second != list(range(80, 100))


def test_the_seed_alone_decides() -> None:
    assert split_indices(100, LABELS, 0.8, 0) == split_indices(100, LABELS, 0.8, 0)
    assert split_indices(100, LABELS, 0.8, 0) != split_indices(100, LABELS, 0.8, 1)


def test_the_cut_is_the_same_on_any_day() -> None:
    """Otherwise a run that is evaluated later would be judged on what it has learnt from."""
    assert split_indices(10, None, 0.5, seed=3)[0] == [1, 2, 4, 6, 8]


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_tiny_classes_are_in_both_parts_where_they_can(fraction: float) -> None:
    labels = [0] * 10 + [1] * 2 + [2]
    first, second = split_indices(13, labels, fraction, seed=0)
    assert {labels[index] for index in first} == {0, 1, 2}
    assert {labels[index] for index in second} == {0, 1}


@pytest.mark.parametrize(("size", "fraction", "expected"), [(7, 0.5, 4), (3, 0.8, 2), (10, 0.29, 3), (10, 0.21, 2)])
def test_the_cut_is_at_the_nearest_whole_sample(size: int, fraction: float, expected: int) -> None:
    assert len(split_indices(size, None, fraction, seed=0)[0]) == expected


def test_a_class_that_is_added_moves_no_sample_of_the_others() -> None:
    few, _ = split_indices(80, LABELS[:80], 0.8, seed=0)
    many, _ = split_indices(100, LABELS, 0.8, seed=0)
    assert [index for index in many if LABELS[index] < 2] == few


def test_a_part_is_a_data_set_of_its_samples() -> None:
    whole = Numbered(LABELS)
    part = Part(whole, [3, 60, 99])
    assert len(part) == 3
    assert [int(part[n]["image"][0, 0, 0]) for n in range(3)] == [3, 60, 99]
    assert part.labels == [part[n]["label"] for n in range(3)] == [0, 1, 2]
    assert part.info is whole.info
    assert part.in_memory


def test_a_part_of_a_set_without_known_labels_has_none() -> None:
    assert Part(Numbered(None), [1, 2]).labels is None
