"""imgaug's augmenters by name, such as imgaug-aug/fliplr."""

from __future__ import annotations

from retinue.hooks import Register, hookimpl
from retinue_imgaug_aug.catalog import CATALOG


@hookimpl
def retinue_transforms(register: Register) -> None:
    for name, (_, summary) in CATALOG.items():
        register(name, f"retinue_imgaug_aug.factories:{name.replace('-', '_')}", summary=summary)
