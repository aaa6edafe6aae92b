from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.transforms import v2

from retinue.api import DataInfo, Dataset, Sample
from retinue.builtin.transforms import warping
from retinue.data import workers
from retinue.data.cache import Budget, CachedDataset
from retinue.data.preparation import Preparation
from retinue.data.samples import PreparedSamples
from retinue.data.workers import Workers, choose_threads, choose_workers, count_cores, measure_threads
from retinue.errors import DataError

KEYED = ("random-horizontal-flip", warping.random_horizontal_flip())
UNKEYED = ("blur", v2.GaussianBlur(3))


class Slow(Dataset):
    """Samples that take a while, during which other threads may go on or not."""

    info = DataInfo()

    def __init__(self, in_memory: bool = False, waits: bool = True) -> None:
        self.in_memory = in_memory
        self.waits = waits

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> Sample:
        if self.waits:
            time.sleep(0.002)
        else:
            sum(range(100_000))
        return {"image": torch.zeros(3, 2, 2, dtype=torch.uint8)}

    def files(self, index: int) -> list[Path]:
        return [Path(__file__)]


def samples(*transforms: tuple[str, Any], dataset: Dataset | None = None) -> PreparedSamples:
    return PreparedSamples(dataset or Slow(), Preparation(transforms), seed=0)


def cached(*transforms: tuple[str, Any]) -> PreparedSamples:
    return samples(*transforms, dataset=CachedDataset(Slow(), Budget(10**6), copies=False))


def test_a_data_set_in_memory_needs_none() -> None:
    assert choose_workers("auto", "auto", samples(KEYED, dataset=Slow(in_memory=True)), 1).count == 0
    assert choose_workers(3, "process", samples(KEYED, dataset=Slow(in_memory=True)), 1).count == 3


def test_files_are_for_as_many_as_there_are_cores_to_spare() -> None:
    assert 1 <= choose_workers("auto", "process", samples(KEYED), 1).count <= max(1, count_cores() - 1)


def test_what_the_spec_says_is_done() -> None:
    assert choose_workers(0, "thread", samples(KEYED), 1) == Workers()
    assert choose_workers(2, "thread", samples(KEYED), 1) == Workers(2, "thread")
    assert choose_workers(2, "process", samples(KEYED), 1) == Workers(2, "process")


@pytest.mark.parametrize(("reached", "kind"), [(0.95, "thread"), (0.5, "process")])
def test_threads_are_taken_where_they_pay(monkeypatch: pytest.MonkeyPatch, reached: float, kind: str) -> None:
    monkeypatch.setattr(workers, "measure_threads", lambda _: reached)
    chosen = choose_workers(2, "auto", samples(KEYED), 1)
    assert (chosen.count, chosen.kind) == (2, kind)
    assert f"{reached:.0%}" in str(chosen)


def test_threads_that_let_each_other_go_on_reach_more() -> None:
    waiting, computing = (measure_threads(samples(KEYED, dataset=Slow(waits=waits))) for waits in (True, False))
    assert waiting > computing


def test_transforms_that_draw_from_the_process_need_processes() -> None:
    chosen = choose_workers(2, "auto", samples(KEYED, UNKEYED), 1)
    assert str(chosen) == "2 processes, because blur draws from the process's own generators"
    with pytest.raises(DataError, match="blur draws from the process's own generators"):
        choose_workers(2, "thread", samples(KEYED, UNKEYED), 1)


def test_a_cache_is_for_threads() -> None:
    assert choose_workers(2, "auto", cached(KEYED), 1).kind == "thread"
    assert choose_workers("auto", "auto", cached(UNKEYED), 1).count == 0
    for wanted, kind, transform in ((2, "auto", UNKEYED), (2, "process", KEYED)):
        with pytest.raises(DataError, match=r"only threads share data\.cache"):
            choose_workers(wanted, kind, cached(transform), 1)


def test_other_samples_get_what_suits_them() -> None:
    threads = Workers(2, "thread")
    assert threads.suit(samples(KEYED)) == threads
    assert (threads.suit(samples(UNKEYED)).count, threads.suit(samples(UNKEYED)).kind) == (2, "process")
    assert threads.suit(cached(UNKEYED)).count == 0
    assert Workers(2, "process").suit(cached(KEYED)).kind == "thread"


def test_torch_leaves_the_workers_their_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert [choose_threads(count) for count in (0, 3, 8, 20)] == [8, 5, 1, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert [choose_threads(count) for count in (0, 7)] == [2, 1]
