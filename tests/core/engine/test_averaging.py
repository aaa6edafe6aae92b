"""The moving average of the weights: by itself, and in runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.core.engine.conftest import SPY, records, weights
from torch import Tensor, nn

from retinue.engine.averaging import AveragedWeights
from retinue.engine.checkpoints import load_state
from retinue.errors import Interrupted
from retinue.run import SavedRun
from retinue.run import train as train_spec

Train = Callable[..., SavedRun]

EMA = {"train.ema": 0.9, "train.epochs": 2, "model.dropout": 0.2, "optimizer.momentum": 0.9}


class Scalar(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))


@pytest.mark.parametrize("decay", [0.2, 0.5, 0.999])
def test_it_is_the_sum_that_is_written_on_paper(decay: float) -> None:
    """a(n) = d(n) a(n-1) + (1 - d(n)) w(n), d(n) = min(decay, (1 + n) / (10 + n)), with a(0) = w(0)."""
    model = Scalar()
    average = AveragedWeights(model, decay)
    decays = [min(decay, (1 + step) / (10 + step)) for step in range(1, 41)]
    for step in range(1, 41):
        nn.init.constant_(model.weight, step**2)
        average.update(step)
    # The share of w(k) that is left after all later steps; w(0) is 0.
    left = [(1 - decays[k]) * math.prod(decays[k + 1 :]) for k in range(40)]
    expected = sum(share * (k + 1) ** 2 for k, share in enumerate(left))
    assert average.values["weight"].item() == pytest.approx(expected, rel=1e-12)
    assert model.weight.item() == 1600


def test_the_decay_rises_to_what_was_asked_for() -> None:
    assert [min(0.5, (1 + step) / (10 + step)) for step in (1, 8, 9)] == [2 / 11, 0.5, 0.5]
    model = Scalar()
    average = AveragedWeights(model, 0.5)
    nn.init.ones_(model.weight)
    average.update(1)
    assert average.values["weight"].item() == pytest.approx(9 / 11)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.norm(self.first(x)))  # type: ignore[no-any-return]


def test_buffers_are_averaged_and_counters_taken_as_they_are() -> None:
    model = Tied()
    average = AveragedWeights(model, 0.9)
    model(torch.randn(8, 2))
    average.update(1)
    expected = model.norm.running_mean * 9 / 11
    torch.testing.assert_close(average.values["norm.running_mean"], expected)
    assert int(average.values["norm.num_batches_tracked"]) == 1


def test_it_is_put_in_the_models_place_and_taken_back() -> None:
    """Tied weights are swapped once: twice would leave them as they were."""
    model = Tied()
    average = AveragedWeights(model, 0.9)
    before = {name: value.clone() for name, value in average.values.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    model(torch.randn(8, 2))
    raw = {name: value.clone() for name, value in model.state_dict().items()}
    with average.applied():
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name.replace("second.weight", "first.weight")])
        assert model.second.weight is model.first.weight
    with pytest.raises(ZeroDivisionError), average.applied():
        1 / 0  # noqa: B018
    assert all(torch.equal(value, raw[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in average.values.items())


def test_an_optimizer_learns_on_after_a_swap() -> None:
    model = Scalar()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    average = AveragedWeights(model, 0.9)
    model.weight.grad = torch.ones_like(model.weight)
    optimizer.step()
    with average.applied():
        assert model.weight.item() == 0
    optimizer.step()
    assert model.weight.item() == pytest.approx(-0.2)


def test_validation_and_the_artefact_are_the_averages(train: Train, tmp_path: Path) -> None:
    run = train({**EMA, "checkpoint.best": {"metric": "train/loss", "mode": "max"}})
    last = tmp_path / "run" / "checkpoints" / "last"
    kept, raw = load_file(last / "model.safetensors"), load_state(last)["weights"]
    assert kept.keys() == raw.keys()
    assert not any(torch.equal(kept[name], raw[name]) for name in kept)
    # What a run logs is what its last checkpoint gives.
    (tmp_path / "run" / "checkpoints" / "best").unlink()
    assert run.evaluate("val") == {name: run.metrics[name] for name in ("val/loss", "val/accuracy")}
    train({key: value for key, value in EMA.items() if key != "train.ema"}, "plain")
    plain = load_file(tmp_path / "plain" / "checkpoints" / "last" / "model.safetensors")
    assert all(torch.equal(raw[name], plain[name]) for name in raw)
    assert load_state(tmp_path / "plain" / "checkpoints" / "last")["weights"] is None
    assert {r["train/loss"] for r in records(tmp_path / "run")} == {
        r["train/loss"] for r in records(tmp_path / "plain")
    }


@pytest.mark.parametrize("stop", [5, 23, 30])
def test_an_average_goes_on_bit_for_bit(
    stop: int, train: Train, local_plugin: Callable[[str], None], tmp_path: Path
) -> None:
    local_plugin(SPY)
    train({**EMA, "log.every": 1}, "whole")
    with pytest.raises(Interrupted):
        train({**EMA, "log.every": 1, "callbacks": [{"use": "spy", "interrupt": stop}]}, "cut")
    train_spec(resume=tmp_path / "cut")
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    states = [load_state(tmp_path / run / "checkpoints" / "last")["weights"] for run in ("cut", "whole")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
