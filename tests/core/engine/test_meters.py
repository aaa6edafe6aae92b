from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.core.engine.conftest import Gathered
from torch import Tensor

from retinue.api import Metric, Output, Statistic
from retinue.builtin.metrics.classes import F1, Accuracy, Precision, Recall
from retinue.engine.meters import PACKED, TOGETHER, Meter, Series

CPU = torch.device("cpu")
SIZES = [8, 8, 8, 3]
CLASSES = 3


@pytest.fixture
def outputs() -> list[Output]:
    """Batches of which the last is smaller."""
    generator = torch.Generator().manual_seed(0)

    def batch(size: int) -> Output:
        preds = torch.rand(size, CLASSES, generator=generator).softmax(dim=1)
        target = torch.randint(CLASSES, (size,), generator=generator)
        return Output(torch.rand((), generator=generator), preds, target)

    return [batch(size) for size in SIZES]


@dataclass(frozen=True)
class Counting(Statistic):
    """Remembers how often it was asked."""

    calls: list[int]

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        self.calls.append(len(target))
        return torch.tensor([len(target), 1])

    def __hash__(self) -> int:
        return 0


class Share(Metric):
    def __init__(self, statistic: Statistic, factor: float) -> None:
        self.statistic, self.factor = statistic, factor

    def compute(self, sums: Tensor) -> Tensor | dict[str, Tensor]:
        return self.factor * sums[0] / sums[1]


class PerClass(Share):
    def compute(self, sums: Tensor) -> Tensor | dict[str, Tensor]:
        return {"": sums[0], "cat": sums[1], "dog": sums[0] / 2}


class Row(Share):
    def compute(self, sums: Tensor) -> Tensor | dict[str, Tensor]:
        return torch.stack([sums, 2 * sums])


def measure(metrics: dict[str, Any], outputs: list[Output]) -> dict[str, float]:
    meter = Meter(metrics, CPU)
    for output in outputs:
        meter.update(output)
    return meter.compute()


@dataclass(frozen=True)
class Whole(Counting):
    """May be asked about several batches at once."""

    whole = True

    def __hash__(self) -> int:
        return 1


def test_whole_numbers_of_small_batches_are_counted_together(outputs: list[Output]) -> None:
    whole, apart = Whole([]), Counting([])
    found = measure({"whole": Share(whole, 1.0), "apart": Share(apart, 1.0)}, outputs)
    assert (whole.calls, apart.calls) == ([sum(SIZES)], SIZES)
    assert found["whole"] == sum(SIZES)


def test_batches_of_other_sizes_are_not_counted_together() -> None:
    whole = Whole([])
    sizes = [(2, 3, 4, 4), (1, 3, 4, 4), (2, 3, 8, 8), (1, 3, 4, 4)]
    target = torch.zeros(1, dtype=torch.int64)
    found = [Output(torch.zeros(()), torch.rand(*size), target.expand(size[0], *size[2:])) for size in sizes]
    measure({"whole": Share(whole, 1.0)}, found)
    assert whole.calls == [3, 2, 1]


def test_large_batches_do_not_pile_up() -> None:
    whole = Whole([])
    meter = Meter({"whole": Share(whole, 1.0)}, CPU)
    for _ in range(3):
        meter.update(Output(torch.zeros(()), torch.rand(2, TOGETHER // 4), torch.zeros(2)))
    assert whole.calls == [4]


def test_an_activation_waits_until_somebody_looks(outputs: list[Output]) -> None:
    asked: list[int] = []

    def soften(scores: Tensor) -> Tensor:
        asked.append(len(scores))
        return scores.softmax(dim=1)

    late = [Output(output.loss, output.preds.log(), output.target, soften) for output in outputs]
    assert measure({"accuracy": Accuracy()}, late) == measure({"accuracy": Accuracy()}, outputs)
    assert asked == [sum(SIZES)]
    torch.testing.assert_close(late[0].preds, outputs[0].preds)
    assert late[0].preds is late[0].preds


def test_the_loss_is_averaged_over_samples(outputs: list[Output]) -> None:
    expected = sum(output.loss.item() * size for output, size in zip(outputs, SIZES, strict=True)) / sum(SIZES)
    assert measure({}, outputs) == {"loss": pytest.approx(expected, rel=1e-12)}


def test_metrics_are_those_of_all_samples_at_once(outputs: list[Output]) -> None:
    metrics = {"accuracy": Accuracy(), "f1": F1(num_classes=CLASSES)}
    whole = Output(torch.zeros(()), torch.cat([o.preds for o in outputs]), torch.cat([o.target for o in outputs]))
    found = measure(metrics, outputs)
    for name in metrics:
        assert found[name] == measure(metrics, [whole])[name]


def test_sums_are_exact_where_float32_loses_count() -> None:
    many = Output(torch.tensor(1.0), torch.zeros(2**24, 1), torch.zeros(2**24))
    one = Output(torch.tensor(3.0), torch.zeros(1, 1), torch.zeros(1))
    counting = Counting([])
    found = measure({"n": Share(counting, 1.0)}, [many, one, one])
    assert found == {"loss": (2**24 + 6) / (2**24 + 2), "n": (2**24 + 2) / 3}


def test_equal_statistics_are_counted_once(outputs: list[Output]) -> None:
    calls: list[int] = []
    found = measure({"a": Share(Counting(calls), 1.0), "b": Share(Counting(calls), 2.0)}, outputs)
    assert calls == SIZES
    assert found["b"] == 2 * found["a"]


def test_builtin_metrics_share_their_count() -> None:
    metrics = [F1(num_classes=CLASSES), Precision(num_classes=CLASSES), Recall(num_classes=CLASSES)]
    assert len({metric.statistic for metric in metrics}) == 1


def test_values_by_class_and_rows_are_logged_one_by_one(outputs: list[Output]) -> None:
    counting = Counting([])
    found = measure({"f1": PerClass(counting, 1.0), "matrix": Row(counting, 1.0)}, outputs)
    del found["loss"]
    assert found == {
        **{"f1": 27.0, "f1/cat": 4.0, "f1/dog": 13.5},
        **{"matrix/0": 27.0, "matrix/1": 4.0, "matrix/2": 54.0, "matrix/3": 8.0},
    }


def test_a_reset_forgets(outputs: list[Output]) -> None:
    classification = pytest.importorskip("torchmetrics").classification

    def metrics() -> dict[str, Any]:
        return {"ours": Accuracy(), "theirs": classification.MulticlassAccuracy(CLASSES, average="micro")}

    meter = Meter(metrics(), CPU)
    meter.update(outputs[0])
    meter.compute()
    meter.reset()
    meter.update(outputs[1])
    assert meter.compute() == measure(metrics(), [outputs[1]])


def test_a_torchmetrics_metric_works_as_it_is(outputs: list[Output]) -> None:
    classification = pytest.importorskip("torchmetrics").classification
    found = measure(
        {
            "ours": Accuracy(),
            "theirs": classification.MulticlassAccuracy(CLASSES, average="micro"),
            "each": classification.MulticlassRecall(CLASSES, average=None),
            "auroc": classification.MulticlassAUROC(CLASSES),
        },
        outputs,
    )
    assert found["theirs"] == pytest.approx(found["ours"])
    assert {"each/0", "each/1", "each/2"} <= set(found)
    assert 0 < found["auroc"] < 1


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_an_epoch_goes_on_from_its_state(cut: int, outputs: list[Output], tmp_path: Path) -> None:
    """With a metric that shares, one that keeps sums and one that keeps every sample."""
    classification = pytest.importorskip("torchmetrics").classification

    def begin() -> Meter:
        metrics = {
            "accuracy": Accuracy(),
            "f1": F1(num_classes=CLASSES),
            "theirs": classification.MulticlassAccuracy(CLASSES, average="micro"),
            "auroc": classification.MulticlassAUROC(CLASSES),
        }
        return Meter(metrics, CPU)

    whole = begin()
    for output in outputs[:cut]:
        whole.update(output)
    torch.save(whole.state(), tmp_path / "state.pt")
    resumed = begin()
    resumed.load_states([torch.load(tmp_path / "state.pt", weights_only=True)])
    for output in outputs[cut:]:
        whole.update(output)
        resumed.update(output)
    assert resumed.compute() == whole.compute()


def test_nothing_keeps_the_graph_alive() -> None:
    loss = torch.ones((), requires_grad=True) * 2
    meter = Meter({}, CPU)
    meter.update(Output(loss, torch.zeros(2, 1), torch.zeros(2)))
    assert not meter.losses.values().requires_grad


@dataclass(frozen=True)
class Squares(Statistic):
    """Floating-point numbers of which the sum depends on the order."""

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        return torch.stack([(preds * 10.0 ** (target[:, None] * 7 - 7)).float().square().sum(), preds.float().sum()])


@pytest.mark.parametrize("processes", [2, 3, 4, 7])
@pytest.mark.parametrize("batches", [1, 2, 5, 40])
def test_what_several_processes_measure_is_what_one_does(batches: int, processes: int) -> None:
    """Bit for bit, also where a process has no batch at all."""
    generator = torch.Generator().manual_seed(batches)
    outputs = [
        Output(
            torch.rand((), generator=generator) * 10.0 ** (number % 9),
            torch.rand(size, CLASSES, generator=generator),
            torch.randint(CLASSES, (size,), generator=generator),
        )
        for number, size in enumerate(torch.randint(1, 9, (batches,), generator=generator).tolist())
    ]
    metrics = {"accuracy": Accuracy(), "f1": F1(num_classes=CLASSES), "rows": Row(Squares(), 1.0)}

    def measure_share(process: int, processes: int) -> Meter:
        meter = Meter(metrics, CPU)
        for output in outputs[process::processes]:
            meter.update(output)
        return meter

    states = tuple(measure_share(process, processes).state() for process in range(processes))
    group = Meter(metrics, CPU, Gathered(size=processes, states=states))
    assert group.compute() == measure_share(0, 1).compute()


@pytest.mark.parametrize("taken_up_by", [1, 2, 3])
def test_an_epoch_goes_on_in_another_number_of_processes(taken_up_by: int, outputs: list[Output]) -> None:
    """Two processes have measured half of it."""
    metrics = {"accuracy": Accuracy(), "f1": F1(num_classes=CLASSES)}
    halves = [Meter(metrics, CPU) for _ in range(2)]
    for meter, output in zip(halves, outputs[:2], strict=True):
        meter.update(output)
    states = [meter.state() for meter in halves]
    resumed = [Meter(metrics, CPU) for _ in range(taken_up_by)]
    for rank, meter in enumerate(resumed):
        meter.load_states(states[rank::taken_up_by])
    resumed[0].update(outputs[2])
    resumed[-1].update(outputs[3])
    group = Gathered(size=taken_up_by, states=tuple(meter.state() for meter in resumed))
    assert Meter(metrics, CPU, group).compute() == pytest.approx(measure(metrics, outputs), rel=1e-6)


@pytest.mark.parametrize("count", [PACKED - 1, PACKED, 2 * PACKED + 1])
def test_a_long_series_keeps_every_tensor_in_its_order(count: int) -> None:
    series = Series()
    for number in range(count):
        series.append(torch.tensor(float(number)))
    assert series.values().tolist() == list(range(count))
    resumed = Series()
    resumed.extend(series.values())
    resumed.append(torch.tensor(-1.0))
    assert resumed.values().tolist() == [*range(count), -1]
