"""U-Net by name."""

from __future__ import annotations

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_models(register: Register) -> None:
    register("unet", "retinue_unet.models:UNet", summary="U-Net, with its own or a named encoder (Ronneberger, 2015)")
