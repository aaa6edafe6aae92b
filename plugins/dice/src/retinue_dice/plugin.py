"""The losses and the metric by name."""

from __future__ import annotations

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_losses(register: Register) -> None:
    losses = "retinue_dice.losses"
    register("dice", f"{losses}:Dice", summary="soft Dice loss (Milletari et al., 2016)")
    register("generalized-dice", f"{losses}:GeneralizedDice", summary="generalized Dice loss (Sudre et al., 2017)")
    register("tversky", f"{losses}:Tversky", summary="Tversky loss (Salehi et al., 2017)")


@hookimpl
def retinue_metrics(register: Register) -> None:
    register("dice", "retinue_dice.metrics:Dice", summary="Dice score over the whole data set, mean and each class")
