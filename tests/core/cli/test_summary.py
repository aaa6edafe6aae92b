"""retinue summary"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.cli.conftest import Answer

from retinue.run import train


def test_layers_shapes_parameters_and_flops(command: Callable[..., Answer], spec: Path) -> None:
    answer = command("summary", spec, "--json")
    assert (answer.code, answer.err) == (0, "")
    found = answer.json
    # 64 pixels, 16 hidden values, 10 digits; a multiplication and an addition count as two.
    assert found["input"] == [1, 1, 8, 8]
    assert found["flops"] == 2 * (64 * 16 + 16 * 10)
    assert found["parameters"] == found["trainable"] == 64 * 16 + 16 + 16 * 10 + 10
    linear = [layer for layer in found["layers"] if layer["type"] == "Linear"]
    assert [(layer["output"], layer["parameters"]) for layer in linear] == [([1, 16], 1040), ([1, 10], 170)]
    assert found["layers"][0]["name"] == ""
    assert {layer["name"] for layer in linear} < dict(train(spec, out="run").model.named_modules()).keys()


def test_attention_counts_in_full(
    command: Callable[..., Answer], spec: Path, local_plugin: Callable[[str], None]
) -> None:
    local_plugin(
        """
from torch import nn
from retinue.hooks import hookimpl

class Tokens(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, num_classes, bias=False)
    def forward(self, image):
        tokens = image.flatten(1, 2)
        return self.head(self.attention(tokens, tokens, tokens)[0].mean(dim=1))

@hookimpl
def retinue_models(register): register("tokens", Tokens, summary="-")
"""
    )
    found = command("summary", spec, "~model", "model.use=tokens", "--json").json
    # Of 8 tokens of 8 values: queries, keys, values and outputs, then scores and their products with the values.
    assert found["flops"] == 2 * (4 * 8 * 8 * 8 + 2 * 8 * 8 * 8 + 8 * 10)


def test_frozen_parameters_do_not_count_as_trainable(command: Callable[..., Answer], spec: Path) -> None:
    with spec.open("a") as file:
        file.write('[finetune]\nfreeze = [{ match = "*.weight", until = "1ep" }]\n')
    answer = command("summary", spec, "--json").json
    assert (answer["parameters"], answer["trainable"]) == (1210, 26)


def test_a_person_gets_a_table_of_the_depth_asked_for(command: Callable[..., Answer], spec: Path) -> None:
    answer = command("summary", spec, "model.hidden=[7]", "--depth", 1)
    lines = answer.out.splitlines()
    assert lines[0].split() == ["layer", "name", "output", "parameters"]
    assert lines[1].split() == ["MLP", "1", "x", "10", "535"]
    assert "parameters  535, of which 535 learn at the first step" in answer.out
    assert len(command("summary", spec).out.splitlines()) > len(lines)


@pytest.mark.parametrize("depth", [0, "all"])
def test_a_depth_that_is_none_is_refused(command: Callable[..., Answer], spec: Path, depth: object) -> None:
    assert command("summary", spec, "--depth", depth).code == 2


def test_a_model_that_fails_is_named_without_traceback(
    command: Callable[..., Answer], spec: Path, local_plugin: Callable[[str], None]
) -> None:
    local_plugin(
        """
from torch import nn
from retinue.hooks import hookimpl

def picky() -> nn.Module:
    return nn.Linear(5, 10)

@hookimpl
def retinue_models(register): register("picky", picky, summary="-")
"""
    )
    answer = command("summary", spec, "~model", "model.use=picky")
    assert (answer.code, answer.out) == (1, "")
    assert "the model fails on a picture of 1 x 1 x 8 x 8: " in answer.err
