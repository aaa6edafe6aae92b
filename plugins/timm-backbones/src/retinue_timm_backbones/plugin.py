"""timm's models, each under its own name, and the normalization that their weights expect."""

from __future__ import annotations

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_models(register: Register) -> None:
    register(
        "*",
        "retinue_timm_backbones.models:create",
        summary="timm's models as classifiers and encoders, such as timm-backbones/resnet50",
        lister="retinue_timm_backbones.names:list_names",
    )


@hookimpl
def retinue_transforms(register: Register) -> None:
    register(
        "normalize",
        "retinue_timm_backbones.transforms:normalize",
        summary="Normalize by the mean and deviation that a timm model's weights expect",
    )
