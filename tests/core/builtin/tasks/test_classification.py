import pytest
import torch
import torch.nn.functional as F
from torch import nn

from retinue.api import DataInfo
from retinue.builtin.losses.classes import CrossEntropy
from retinue.builtin.tasks.classification import Classification
from retinue.builtin.torchvision.models import create
from retinue.errors import DataError, TrainingError

NAMES = ("ant", "bee", "cat")


def make_task(model: nn.Module | None = None, **parameters: float) -> Classification:
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    return Classification(model, CrossEntropy(), DataInfo(classes=NAMES), **parameters)


def make_images(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 3, 2, 2, generator=torch.Generator().manual_seed(1))


class WithAuxiliary(nn.Module):
    """Gives its main output and two others as a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(12, 3) for _ in range(3))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        out, first, second = (head(x.flatten(1)) for head in self.heads)
        return {"out": out, "first": first, "second": second}


def test_loss_and_predictions_are_those_of_the_models_logits() -> None:
    task, images, label = make_task(), make_images(), torch.tensor([0, 2, 1, 1])
    output = task({"image": images, "label": label})
    logits = task.model(images)
    torch.testing.assert_close(output.loss, F.cross_entropy(logits, label))
    torch.testing.assert_close(output.preds, logits.softmax(1))
    assert output.target.tolist() == [0, 2, 1, 1]
    assert output.loss.requires_grad
    assert not output.preds.requires_grad


def test_soft_labels_go_to_the_loss_whole_and_to_metrics_as_the_most_probable_class() -> None:
    task, images = make_task(), make_images(2)
    soft = torch.tensor([[0.3, 0.7, 0.0], [0.0, 0.4, 0.6]])
    output = task({"image": images, "label": soft})
    expected = -(soft * task.model(images).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(output.loss, expected)
    assert output.target.tolist() == [1, 2]


def test_auxiliary_outputs_add_their_weighted_loss_in_training_alone() -> None:
    task, images, label = make_task(WithAuxiliary(), aux_weight=0.25), make_images(), torch.tensor([0, 1, 2, 0])
    main, first, second = (F.cross_entropy(value, label) for value in task.model(images).values())
    batch = {"image": images, "label": label}
    torch.testing.assert_close(task(batch).loss, main + 0.25 * (first + second))
    torch.testing.assert_close(task.eval()(batch).loss, main)
    assert len(task.predict(images)) == 4


@pytest.mark.filterwarnings("error")
def test_torchvisions_googlenet_trains_with_its_two_auxiliary_heads() -> None:
    task = make_task(create("googlenet", num_classes=3))
    images, label = torch.rand(2, 3, 32, 32), torch.tensor([0, 2])
    for module in task.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    logits = task.model(images)
    expected = sum(weight * F.cross_entropy(head, label) for weight, head in zip((1, 0.4, 0.4), logits, strict=True))
    torch.testing.assert_close(task({"image": images, "label": label}).loss, expected)


def test_predict_names_the_best_classes_in_order() -> None:
    task, images = make_task(), make_images(2)
    probabilities = task.model(images).softmax(1)
    with torch.no_grad():
        answers = task.predict(images)
    for row, answer in zip(probabilities, answers, strict=True):
        assert answer["label"] == NAMES[row.argmax()]
        assert answer["probability"] == pytest.approx(row.max().item())
        assert [entry["label"] for entry in answer["top"]] == [NAMES[i] for i in row.argsort(descending=True)]
        assert sum(entry["probability"] for entry in answer["top"]) == pytest.approx(1)


def test_predict_gives_five_numbered_classes_where_there_are_many_without_names() -> None:
    task = Classification(nn.Sequential(nn.Flatten(), nn.Linear(12, 20)), CrossEntropy(), DataInfo())
    (answer,) = task.predict(make_images(1))
    assert len(answer["top"]) == 5
    assert answer["label"] in map(str, range(20))


def test_predictions_are_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output = make_task()({"image": make_images(2), "label": torch.tensor([0, 1])})
    assert output.preds.dtype == output.loss.dtype == torch.float32
    torch.testing.assert_close(output.preds.sum(1), torch.ones(2))


def test_a_data_set_without_labels_is_told_what_is_missing() -> None:
    with pytest.raises(DataError, match=r'"classification" needs "label".*the data set gives: image, target'):
        make_task()({"image": make_images(), "target": torch.rand(4, 1)})


def test_a_model_of_another_size_is_told_both_sizes() -> None:
    task = make_task(nn.Sequential(nn.Flatten(), nn.Linear(12, 1000)))
    with pytest.raises(TrainingError, match=r"gives 1000 values.*needs 3"):
        task({"image": make_images(), "label": torch.tensor([0, 1, 2, 0])})
    with pytest.raises(TrainingError, match=r"gives 1000 values.*needs 3"):
        task.predict(make_images())


def test_a_model_without_a_head_is_told_so() -> None:
    with pytest.raises(TrainingError, match=r"gives 3 x 2 x 2 values.*needs 3"):
        make_task(nn.Identity())({"image": make_images(), "label": torch.tensor([0, 1, 2, 0])})


def test_multilabel_data_is_told_of_its_task() -> None:
    with pytest.raises(DataError, match="multilabel"):
        make_task()({"image": make_images(), "label": torch.zeros(4, 3, dtype=torch.int64)})
