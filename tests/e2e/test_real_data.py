"""Known networks on real pictures reach what is known of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import retinue

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

pytestmark = pytest.mark.slow


def test_the_readmes_resnet_reads_digits(tmp_path: Path) -> None:
    run = retinue.train(EXAMPLES / "digits.toml", out=tmp_path / "run")
    assert run.evaluate()["val/accuracy"] >= 0.97


def test_lenet_on_fashion_mnist(tmp_path: Path, test_data: Path) -> None:
    root = test_data / "fashion-mnist"
    overrides = {"data.train.root": str(root), "data.val.root": str(root)}
    run = retinue.train(EXAMPLES / "fashion-mnist.toml", overrides, tmp_path / "run")
    assert run.evaluate()["val/accuracy"] >= 0.885
