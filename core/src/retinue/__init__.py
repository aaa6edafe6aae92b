"""Retinue: computer vision by name."""
