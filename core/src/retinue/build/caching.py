"""Which samples of a run stay in memory once they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retinue.build.sections import Section
from retinue.data.cache import GIB, Budget, CachedDataset, measure_free, part_fixed
from retinue.engine.distributed import Group
from retinue.errors import Problem, SpecError
from retinue.plan import Plan

SMALL = GIB
"""Most bytes that are kept without being asked for."""

REFUSING = {"cache": "none", "path": "streamed", "worker_kind": "process"}
"""Keys of [data] with the value that asks for the opposite."""

UNNAMED = "its data set does not say which files a sample is read from (Dataset.files)"


def cache_sections(plan: Plan, sections: Sequence[Section], group: Group) -> list[Section]:
    """Return sections whose samples stay in memory as `data.cache` says; those in memory anyway stay as they are.

    A sample of each is read, to tell how much memory all need.

    Raises:
        SpecError: samples shall stay, and a data set does not say which files they are read from.
    """
    budget = Budget(_choose_size(plan, group))
    readable = [section for section in sections if not section.dataset.in_memory]
    reasons = {section.name: _find_hindrance(plan, section) for section in readable}
    cached = {section.name: _cache_section(section, budget) for section in readable if not reasons[section.name]}
    needed = sum(size for _, size in cached.values())
    if plan.spec.data.cache == "auto" and needed > budget.size:
        reason = f"samples would fill about {needed / GIB:.2g} GiB, data.cache_gib allows for {budget.size / GIB:.2g}"
        reasons |= dict.fromkeys(cached, reason)
        cached = {}
    return [
        cached[section.name][0] if section.name in cached else replace(section, uncached=reasons.get(section.name))
        for section in sections
    ]


def _choose_size(plan: Plan, group: Group) -> int:
    data = plan.spec.data
    if data.cache_gib is not None:
        return int(data.cache_gib * GIB)
    free = measure_free() // 2
    return (min(SMALL, free) if data.cache == "auto" else free) // group.local_size


def _find_hindrance(plan: Plan, section: Section) -> str | None:
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
    """Return a section whose samples are kept, and the bytes that they fill, by the first one."""
    kept, rest, size = part_fixed(section.preparation, section.dataset[0])
    dataset = CachedDataset(section.dataset, budget, copies=bool(rest.unkeyed), preparation=kept)
    return replace(section, dataset=dataset, preparation=rest), size * len(dataset)
