"""How the samples of a section become batches: by whom, one by one or all at once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import torch

from retinue.api import Batch
from retinue.build.sections import Section
from retinue.data.batched import BatchedLoader
from retinue.data.cache import CachedDataset
from retinue.data.loading import Batches, Loader
from retinue.data.samples import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers, choose_workers
from retinue.engine.distributed import Group
from retinue.errors import DataError
from retinue.plan import Plan

logger = logging.getLogger("retinue")


@dataclass(frozen=True)
class Way:
    """How the batches of a section are made.

    Attributes:
        path: the word for it in a spec.
        reason: why.
        tensors: what they are taken from, where all samples are in memory as one batch.
    """

    path: Literal["streamed", "batched"]
    reason: str
    tensors: Batch | None = None

    def __str__(self) -> str:
        return f"{self.path} path, for {self.reason}"


def prepare_samples(plan: Plan, section: Section, device: torch.device, gathers: bool = False) -> PreparedSamples:
    """Return the samples of a section; with a GPU, whole batches are transformed there."""
    return PreparedSamples(
        section.dataset,
        section.preparation,
        plan.spec.seed,
        skips=plan.spec.data.unreadable == "skip",
        late=device.type == "cuda",
        gathers=gathers,
    )


def choose_section_workers(plan: Plan, section: Section, device: torch.device, group: Group) -> Workers:
    """Choose who prepares the samples of a section, and tell why.

    Raises:
        DataError: what the spec asks for cannot be.
    """
    data = plan.spec.data
    workers = choose_workers(data.workers, data.worker_kind, prepare_samples(plan, section, device), group.local_size)
    logger.info("data: prepared by %s", workers)
    return workers


def build_loader(
    plan: Plan, section: Section, workers: Workers, device: torch.device, group: Group, learnt: bool
) -> Batches:
    """Build the batches of a section.

    Raises:
        DataError: with `drop_last` there would be none.
    """
    order = build_order(plan, section, group, learnt)
    way = choose_way(plan, section)
    samples = prepare_samples(plan, section, device, gathers=way.path == "batched")
    logger.info("data.%s: %s", section.name, way)
    if way.tensors is not None:
        return BatchedLoader(samples, order, way.tensors, device)
    return Loader(samples, order, workers.suit(samples), device)


def build_order(plan: Plan, section: Section, group: Group, learnt: bool) -> EpochBatches:
    """Say which samples each batch of a section holds.

    Raises:
        DataError: with `drop_last` there would be none.
    """
    data = plan.spec.data
    order = EpochBatches(
        size=len(section.dataset),
        batch_size=data.batch_size,
        seed=plan.spec.seed,
        learnt=learnt,
        drop_last=data.drop_last and learnt,
        process=group.rank,
        processes=group.size,
    )
    if len(order) == 0:
        raise DataError(f"data.batch_size is {data.batch_size}, of {order.size} samples drop_last leaves none")
    return order


def choose_way(plan: Plan, section: Section) -> Way:
    """Choose between the streamed and the batched path."""
    data, dataset = plan.spec.data, section.dataset
    if data.path == "streamed":
        return Way("streamed", "data.path says so")
    if data.path == "auto" and dataset.in_memory and data.workers not in ("auto", 0):
        return Way("streamed", "data.workers asks for workers")
    tensors = None if section.preparation.unkeyed else dataset.tensors()
    reason = _explain_streaming(section) if tensors is None else None
    if reason is not None:
        return Way("streamed", reason)
    return Way("batched", "its samples are kept in memory, and its transforms take batches", tensors)


def _explain_streaming(section: Section) -> str | None:
    """Return why the batches of a section without tensors cannot be made at once."""
    if section.preparation.unkeyed:
        return section.preparation.explain_unkeyed()
    if section.dataset.in_memory:
        return "the data set has no tensors in memory"
    if not isinstance(section.dataset, CachedDataset):
        return section.uncached
    fixing = section.preparation.fixing
    if fixing is None or section.dataset.has_one_size:
        return None
    return f"pictures get one size by {fixing} alone, in every epoch anew"
