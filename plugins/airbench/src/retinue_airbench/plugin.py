"""The parts of airbench94 by name: its network, the optimizer of its faster variant, and test-time flips."""

from __future__ import annotations

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_models(register: Register) -> None:
    register(
        "airbench",
        "retinue_airbench.network:Airbench",
        summary="airbench94's network for CIFAR: a whitening layer, then six convolutions (Jordan, 2024)",
    )
    register(
        "flip-average",
        "retinue_airbench.flips:FlipAverage",
        summary="another model, which sees a picture and its mirror image when it is evaluated",
    )


@hookimpl
def retinue_optimizers(register: Register) -> None:
    register(
        "muon",
        "retinue_airbench.muon:Muon",
        summary="Muon for hidden matrices and filters, SGD for the rest (Jordan et al., 2024)",
    )
