"""How the samples of a section become batches: kept in memory or not, by whom, one by one or all at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch

from retinue.api import Batch
from retinue.build.sections import Section
from retinue.data.batched import BatchedLoader
from retinue.data.cache import GIB, Budget, CachedDataset, measure_free
from retinue.data.loading import Batches, Loader
from retinue.data.preparation import PreparedSamples
from retinue.data.sampling import EpochBatches
from retinue.data.workers import Workers, choose_workers
from retinue.engine.distributed import Group
from retinue.errors import DataError, Problem, SpecError
from retinue.plan import Plan

logger = logging.getLogger("retinue")


def cache_sections(plan: Plan, sections: Sequence[Section], group: Group) -> list[Section]:
    """Return sections whose samples stay in memory, if the spec says so; those in memory anyway stay as they are.

    Raises:
        SpecError: a data set does not say which files its samples are read from.
    """
    if plan.spec.data.cache is None:
        return list(sections)
    gib = plan.spec.data.cache_gib
    budget = Budget(int(gib * GIB) if gib is not None else measure_free() // 2 // group.local_size)
    return [section if section.dataset.in_memory else _cache_section(plan, section, budget) for section in sections]


def _cache_section(plan: Plan, section: Section, budget: Budget) -> Section:
    if not section.dataset.files(0):
        reason = "its data set does not say which files a sample is read from (Dataset.files)"
        problem = f"data.{section.name} cannot be cached: {reason}"
        raise SpecError([Problem(problem, plan.layers.locate(("data", "cache")))])
    copies = bool(section.preparation.unkeyed)
    return replace(section, dataset=CachedDataset(section.dataset, budget, copies))


def prepare_samples(plan: Plan, section: Section, device: torch.device) -> PreparedSamples:
    """Return the samples of a section; with a GPU, whole batches are transformed there."""
    skips = plan.spec.data.unreadable == "skip"
    return PreparedSamples(section.dataset, section.preparation, plan.spec.seed, skips, late=device.type == "cuda")


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
        SpecError: they cannot be made on the path that the spec asks for.
    """
    order = build_order(plan, section, group, learnt)
    samples = prepare_samples(plan, section, device)
    tensors, reason = choose_path(plan, section)
    loader = (
        Loader(samples, order, workers.suit(samples), device)
        if tensors is None
        else BatchedLoader(samples, order, tensors, device)
    )
    logger.info("data.%s: %s path, %s", section.name, loader.path, reason)
    return loader


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


def choose_path(plan: Plan, section: Section) -> tuple[Batch | None, str]:
    """Return the tensors that a section's batches are taken from, None on the streamed path; and why this path.

    Raises:
        SpecError: the spec asks for the batched path, and it cannot be.
    """
    data = plan.spec.data
    if data.path == "streamed":
        return None, "as data.path says"
    if data.path == "auto" and data.workers not in ("auto", 0):
        return None, "for data.workers asks for workers"
    unkeyed = section.preparation.unkeyed
    tensors = None if unkeyed else section.dataset.tensors()
    if tensors is not None:
        return tensors, "for the data is in memory, and its transforms take batches"
    reason = f"there is no batch form of {', '.join(unkeyed)}" if unkeyed else "the data set has no tensors in memory"
    if data.path == "batched":
        problem = f'data.{section.name} cannot be batched: {reason}; take another, or set data.path = "auto"'
        raise SpecError([Problem(problem, plan.layers.locate(("data", "path")))])
    return None, f"for {reason}"
