"""The project's own plug-ins, so that a name that is missed leads to the one that has it."""

from __future__ import annotations

COMPONENTS: dict[str, tuple[str, ...]] = {
    "airbench": ("airbench", "flip-average", "muon"),
    "dice": ("dice", "generalized-dice", "tversky"),
    "imgaug-aug": (),
    "resnet": (
        *("resnet18", "resnet20", "resnet32", "resnet34", "resnet44", "resnet50", "resnet56"),
        *("resnet101", "resnet110", "resnet152"),
        *("resnext50-32x4d", "resnext101-32x8d", "resnext101-64x4d", "wide-resnet50-2", "wide-resnet101-2"),
    ),
    "timm-backbones": (),
    "unet": ("unet",),
}
"""By plug-in id, the bare names that are its own; of imgaug-aug and timm-backbones, canonical names alone are used."""


def find_distribution(name: str) -> str | None:
    """Return what pip calls the plug-in that has a component, bare or canonical; None where it is not the project's."""
    plugin = name.split("/")[0] if "/" in name else next((id for id, own in COMPONENTS.items() if name in own), "")
    return f"retinue-{plugin}" if plugin in COMPONENTS else None
