from __future__ import annotations

import pickle

import pytest
import torch

from retinue.builtin.datasets.fake import Fake


def features(dataset: Fake) -> torch.Tensor:
    """Return N x D: the pictures as rows, and a one for the bias."""
    images = torch.stack([sample["image"] for sample in dataset]).flatten(1).double() / 255
    return torch.cat([images, torch.ones(len(images), 1)], 1)


def answers(dataset: Fake, key: str) -> torch.Tensor:
    return torch.stack([torch.as_tensor(sample[key]) for sample in dataset])


def fit_and_predict(train: Fake, val: Fake, target: torch.Tensor) -> torch.Tensor:
    x = features(train)
    ridge = torch.linalg.solve(x.T @ x + 10 * torch.eye(x.shape[1]), x.T @ target.double())
    return features(val) @ ridge


def test_says_what_it_holds():
    dataset = Fake(samples=23, size=(5, 7), channels=1, classes=4)
    assert len(dataset) == 23
    assert dataset.info.classes == ("class0", "class1", "class2", "class3")
    assert dataset.info.image_size == (5, 7)
    assert dataset[22]["image"].shape == (1, 5, 7)
    assert dataset.labels == [sample["label"] for sample in dataset]
    assert dataset.in_memory


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_a_sample_depends_on_seed_and_index_alone(task):
    few, many, other = Fake(5, task=task, seed=3), Fake(50, task=task, seed=3), Fake(5, task=task, seed=4)
    torch.manual_seed(1)
    many[0], many[30]
    for index in (4, 2):
        again = pickle.loads(pickle.dumps(many))[index]
        for key, value in few[index].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(again[key]))
        assert not torch.equal(few[index]["image"], other[index]["image"])
    assert not torch.equal(few[0]["image"], few[1]["image"])


def test_classes_can_be_learnt_and_validated_on_another_seed():
    train, val = Fake(200, (8, 8), seed=0), Fake(200, (8, 8), seed=1)
    scores = fit_and_predict(train, val, torch.eye(10)[answers(train, "label")])
    assert (scores.argmax(1) == answers(val, "label")).double().mean() > 0.95


def test_multilabel_can_be_learnt():
    train, val = (Fake(200, (8, 8), classes=3, task="multilabel", seed=seed) for seed in (0, 1))
    label = answers(val, "label")
    assert label.dtype == torch.float32
    assert set(label.unique().tolist()) == {0, 1}
    assert train.labels is None
    scores = fit_and_predict(train, val, answers(train, "label"))
    assert ((scores > 0.5) == (label > 0.5)).double().mean() > 0.95


def test_regression_can_be_learnt():
    train, val = (Fake(200, (8, 8), classes=2, task="regression", seed=seed) for seed in (0, 1))
    target = answers(val, "target")
    assert target.dtype == torch.float32
    assert target.shape == (200, 2)
    assert -1 <= target.min() < -0.9 < 0.9 < target.max() < 1
    assert train.labels is None
    assert train.info.classes == ("value0", "value1")
    error = (fit_and_predict(train, val, answers(train, "target")) - target).square().mean()
    assert error < 0.1 * target.square().mean()


def test_values_stay_away_from_the_limits_of_a_byte():
    image = torch.stack([sample["image"] for sample in Fake(50, task="multilabel", classes=20)])
    assert ((image == 0) | (image == 255)).double().mean() < 0.1
