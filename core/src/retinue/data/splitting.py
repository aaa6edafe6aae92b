"""Cutting one data set in two."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch

from retinue.api import Batch, Dataset, Sample
from retinue.data.batches import take_samples
from retinue.data.keys import Purpose, derive_key


def split_indices(size: int, labels: Sequence[int] | None, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Part the indices 0..size-1 at random.

    Args:
        labels: where given, each class is parted by itself, so that both parts keep its share.
        fraction: of the first part; each class rounds to the nearest whole sample, and leaves one to each part
            where it has two.
    """
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(size):
        groups[0 if labels is None else int(labels[index])].append(index)
    first: list[int] = []
    second: list[int] = []
    for label in sorted(groups):
        group = groups[label]
        generator = torch.Generator().manual_seed(derive_key(Purpose.SPLIT, seed, label))
        order = [group[i] for i in torch.randperm(len(group), generator=generator).tolist()]
        cut = min(max(round(len(group) * fraction), 1), max(len(group) - 1, 1))
        first += order[:cut]
        second += order[cut:]
    return sorted(first), sorted(second)


class Part(Dataset):
    """Some samples of a data set."""

    def __init__(self, whole: Dataset, indices: Sequence[int]) -> None:
        self.whole = whole
        self.indices = indices
        self.info = whole.info
        self.in_memory = whole.in_memory
        self.labels = None if whole.labels is None else [whole.labels[index] for index in indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.whole[self.indices[index]]

    def tensors(self) -> Batch | None:
        whole = self.whole.tensors()
        return None if whole is None else take_samples(whole, torch.tensor(self.indices))

    def files(self, index: int) -> Sequence[str | Path]:
        return self.whole.files(self.indices[index])

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.whole.fingerprint()} {list(self.indices)}".encode()).hexdigest()
