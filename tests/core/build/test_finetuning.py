"""What learns, how fast, and from which weights on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from retinue.errors import SpecError, TrainingError

HEADED = """
from torch import nn
from retinue.hooks import hookimpl

class Headed(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU())
        self.head = nn.Linear(8, num_classes)
    def forward(self, x):
        return self.head(self.encoder(x))

@hookimpl
def retinue_models(register): register("headed", Headed, summary="-")
"""


@pytest.fixture
def headed(build, local_plugin) -> Any:
    """Build a run of a network with an encoder and a head."""
    local_plugin(HEADED)
    return lambda table: build({"model": "vision/headed", "finetune": table})[0]


def test_freezing_is_counted_in_steps(headed) -> None:
    trainer = headed({"freeze": [{"match": "encoder.*", "until": "2ep"}, {"match": "head.bias"}]})
    assert trainer.freezing.changes == {46, None}
    with pytest.raises(TrainingError, match=r'no parameter matches "fc\.\*"; there are encoder\.\*, head\.\*'):
        headed({"freeze": [{"match": "fc.*"}]})


def test_groups_have_their_settings_and_the_optimizers_for_the_rest(headed) -> None:
    trainer = headed({"groups": [{"match": "encoder.*", "lr": 0.01}, {"match": "*.bias", "weight_decay": 0.5}]})
    groups = trainer.run.optimizer.param_groups
    assert [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups] == [
        (0.01, 0.0, 2),
        (0.1, 0.0, 1),
        (0.1, 0.5, 1),
    ]


def test_weights_go_into_the_part_that_is_named(headed, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 8))
    torch.save(encoder.state_dict(), tmp_path / "encoder.pt")
    model = headed({"weights": str(tmp_path / "encoder.pt"), "into": "encoder"}).run.task.model
    assert torch.equal(model.encoder[1].weight, encoder[1].weight)
    assert any("encoder.pt" in message for message in caplog.messages)
    with pytest.raises(SpecError, match=r'the model has no part "encodr"') as caught:
        headed({"weights": str(tmp_path / "encoder.pt"), "into": "encodr"})
    assert caught.value.problems[0].suggestion == "encoder"
    assert caught.value.problems[0].position is not None
