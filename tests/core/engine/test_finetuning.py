"""Freezing by pattern and time, and parameter groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from retinue.engine.finetuning import FreezeRule, Freezing, GroupRule, group_parameters, layer_of
from retinue.errors import TrainingError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.fc = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.stem(x))


def learners(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def test_parameters_thaw_at_their_step() -> None:
    model = Net()
    freezing = Freezing(model, [FreezeRule("stem.0.*", 10), FreezeRule("stem.1.*", None)])
    assert freezing.changes == {10, None}
    freezing.apply(0)
    assert learners(model) == ["fc.weight", "fc.bias"]
    freezing.apply(9)
    assert learners(model) == ["fc.weight", "fc.bias"]
    freezing.apply(10)
    assert learners(model) == ["stem.0.weight", "stem.0.bias", "fc.weight", "fc.bias"]


def test_frozen_batch_norm_keeps_its_statistics_and_weights() -> None:
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9, weight_decay=0.1)
    model.train()
    Freezing(model, [FreezeRule("stem.*", None)]).apply(0)
    before = {name: tensor.clone() for name, tensor in model.stem.state_dict().items()}
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 2)).sum().backward()
        optimizer.step()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.stem.state_dict().items())
    assert not model.stem[1].training
    Freezing(model, [FreezeRule("stem.*", 1)]).apply(1)
    assert model.stem[1].training


def test_a_pattern_of_nothing_and_a_pattern_of_all_are_refused() -> None:
    with pytest.raises(TrainingError, match=r'no parameter matches "layer1\.\*"; there are stem\.\*, fc\.\*'):
        Freezing(Net(), [FreezeRule("layer1.*", None)])
    with pytest.raises(TrainingError, match="no parameter that learns"):
        Freezing(Net(), [FreezeRule("*", 5)])


def test_groups_take_the_first_rule_that_matches() -> None:
    model = Net()
    rules = [GroupRule("fc.*", 0.5, None), GroupRule("*.bias", None, 0.0)]
    groups = group_parameters(model, nn.Identity(), rules, None, 0.1)
    by_settings = {tuple(sorted((k, v) for k, v in g.items() if k != "params")): len(g["params"]) for g in groups}
    assert by_settings == {(): 2, (("weight_decay", 0.0),): 2, (("lr", 0.5),): 2}


def test_each_layer_learns_slower_than_the_next() -> None:
    model = Net()
    groups = group_parameters(model, nn.Identity(), [], 0.5, 0.1)
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert [rates[id(p)] for p in (model.stem[0].weight, model.stem[1].bias, model.fc.bias)] == pytest.approx(
        [0.025, 0.05, 0.1]
    )
    with pytest.raises(TrainingError, match=r"needs optimizer\.lr"):
        group_parameters(model, nn.Identity(), [], 0.5, None)


def test_what_never_learns_is_in_no_group() -> None:
    model = Net()
    model.fc.bias.requires_grad_(False)
    freezing = Freezing(model, [FreezeRule("stem.0.*", None), FreezeRule("stem.1.*", 3)])
    (group,) = group_parameters(model, nn.Identity(), [], None, None, freezing.never)
    learners = {id(parameter) for parameter in group["params"]}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in learners}
    assert names == {"stem.1.weight", "stem.1.bias", "fc.weight"}


def test_one_group_where_nothing_is_said() -> None:
    loss = nn.Linear(1, 1)
    (group,) = group_parameters(Net(), loss, [], None, None)
    assert len(group["params"]) == 8


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("layer1.0.conv1.weight", "layer1.0"),
        ("blocks.3.attn.qkv.weight", "blocks.3"),
        ("conv1.weight", "conv1"),
        ("encoder.layers.encoder_layer_1.ln.weight", "encoder.layers.encoder_layer_1.ln"),
        ("cls_token", ""),
    ],
)
def test_layers_are_counted_by_their_first_number(name: str, layer: str) -> None:
    assert layer_of(name) == layer
