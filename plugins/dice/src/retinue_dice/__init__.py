"""Overlap of predicted and true regions for Retinue: the losses dice, generalized-dice and tversky, the metric dice."""
