"""The bridge from names to things: Plan -> Trainer. The one package that sees both the plan and the engine."""

from retinue.build.builder import Builder
from retinue.build.finetuning import load_earlier_weights
from retinue.build.loaders import build_loader, choose_section_workers
from retinue.build.sections import Section, build_section, build_transforms, check_agreement
from retinue.build.trainer import build_metrics, build_task, build_trainer

__all__ = [
    "Builder",
    "Section",
    "build_loader",
    "build_metrics",
    "build_section",
    "build_task",
    "build_trainer",
    "build_transforms",
    "check_agreement",
    "choose_section_workers",
    "load_earlier_weights",
]
