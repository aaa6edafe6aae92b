"""Which samples of a run stay in memory once they are read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from retinue.api import Sample
from retinue.build.loaders import choose_way
from retinue.build.sections import Section
from retinue.data.cache import GIB, Budget, CachedDataset, measure_free, part_fixed
from retinue.engine.distributed import Group
from retinue.errors import DataError, Problem, SpecError
from retinue.plan import Plan

UNASKED = GIB
"""Most bytes that a process keeps without being asked to, however much memory is free: on a GPU, what is kept may be
transformed elsewhere than what is not, and a run must go on as it began."""

LOOKED_AT = 8
"""Samples that tell how much memory all need."""

REFUSING = {"cache": "none", "path": "streamed", "worker_kind": "process"}
"""Keys of [data], each with the value by which nothing is kept, unless `cache` is "ram"."""

UNNAMED = "its data set does not say which files a sample is read from (Dataset.files)"


def cache_sections(plan: Plan, sections: Sequence[Section], group: Group) -> list[Section]:
    """Return sections whose samples stay in memory as `data.cache` says; those in memory anyway stay as they are.

    A few samples of each are read, to tell how much memory all need.

    Raises:
        SpecError: samples shall stay, and a data set does not say which files they are read from; or batches shall be
            made at once, and cannot be.
    """
    budget = Budget(_choose_size(plan, group))
    readable = [section for section in sections if not section.dataset.in_memory]
    reasons = {section.name: _explain_refusal(plan, section) for section in readable}
    cached = {section.name: _cache_section(section, budget) for section in readable if reasons[section.name] is None}
    needed, limit = sum(size for _, size in cached.values()), _read_limit(plan)
    if plan.spec.data.cache == "auto" and needed > limit:
        reason = f"all samples would fill about {needed / GIB:.2g} GiB, and data.cache_gib is {limit / GIB:.2g}"
        reasons |= dict.fromkeys(cached, reason)
        cached = {}
    found = [
        cached[section.name][0] if section.name in cached else replace(section, uncached=reasons.get(section.name))
        for section in sections
    ]
    if plan.spec.data.path == "batched":
        _check_batched(plan, found)
    return found


def _read_limit(plan: Plan) -> int:
    gib = plan.spec.data.cache_gib
    return UNASKED if gib is None else int(gib * GIB)


def _choose_size(plan: Plan, group: Group) -> int:
    if plan.spec.data.cache_gib is not None:
        return _read_limit(plan)
    share = measure_free() // 2 // group.local_size
    return min(UNASKED, share) if plan.spec.data.cache == "auto" else share


def _explain_refusal(plan: Plan, section: Section) -> str | None:
    """Return why the samples of a section are not kept, whatever they need."""
    data = plan.spec.data
    if data.cache != "ram":
        for key, value in REFUSING.items():
            if getattr(data, key) == value:
                return f'data.{key} = "{value}" keeps no samples in memory'
        if section.preparation.unkeyed:
            return section.preparation.explain_unkeyed()
    if section.dataset.files(0):
        return None
    if data.cache != "ram":
        return UNNAMED
    problem = f"data.{section.name} cannot be cached: {UNNAMED}"
    raise SpecError([Problem(problem, plan.layers.locate(("data", "cache")))])


def _cache_section(section: Section, budget: Budget) -> tuple[Section, int]:
    """Return a section whose samples are kept, and about how many bytes they fill."""
    samples = _read_spread(section)
    kept, rest, size = part_fixed(section.preparation, samples)
    dataset = CachedDataset(section.dataset, budget, copies=bool(rest.unkeyed), preparation=kept)
    return replace(section, dataset=dataset, preparation=rest), size * len(dataset) // len(samples)


def _read_spread(section: Section) -> list[Sample]:
    """Return the first sample, and others spread over the section that can be read."""
    size = len(section.dataset)
    samples = [section.dataset[0]]
    for number in range(1, min(LOOKED_AT, size)):
        with suppress(DataError):
            samples.append(section.dataset[number * size // LOOKED_AT])
    return samples


def _check_batched(plan: Plan, sections: Sequence[Section]) -> None:
    for section in sections:
        way = choose_way(plan, section)
        if way.path != "batched":
            problem = f'data.{section.name} cannot be batched: {way.reason}; data.path = "auto" lets it be streamed'
            raise SpecError([Problem(problem, plan.layers.locate(("data", "path")))])
