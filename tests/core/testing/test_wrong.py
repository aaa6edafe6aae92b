"""For each rule a component that breaks it, and it alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from retinue.testing import Case
from retinue.testing.rule import RULES

HEAD = """
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Gt
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer, SGD
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torchvision import tv_tensors
from torchvision.transforms import v2

from retinue.api import (
    Batch, BatchTransform, Callback, DataInfo, Dataset, Draws, KeyedTransform, Metric, Output, Pyramid, Run, Sample,
    Statistic, Task, split_outputs,
)
from retinue.hooks import hookimpl

class Counter:
    count = 0
"""
HOOK = """
@hookimpl
def retinue_{kinds}(register):
    register("wrong", {target}, summary="a wrong one"{options})
"""

PLURAL = {"loss": "losses"}

# Right components of each kind, to be made wrong in one place.
MODEL = '''
class Net(nn.Module):
    """A convolution and a linear layer.

    Args:
        num_classes: values in the output.
        in_channels: of the pictures.
        width: channels.
    """

    def __init__(self, num_classes: int, in_channels: int, width: Annotated[int, Gt(0)] = 4) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, width, 3, padding=1)
        self.head = nn.Linear(width, num_classes)
        self.register_buffer("scale", torch.rand(()))

    def forward(self, image: Tensor) -> Tensor:
        maps = self.convolution(image).relu() + self.scale
        return self.head(maps.mean(dim=(2, 3)))
'''
PYRAMID = '''
class Levels(Pyramid):
    channels = (4, 8)
    reductions = (2, 4)

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.fine = nn.Conv2d(in_channels, 4, 3, stride=2, padding=1)
        self.coarse = nn.Conv2d(4, 8, 3, stride=2, padding=1)

    def forward(self, image: Tensor) -> list[Tensor]:
        fine = self.fine(image)
        return [fine, self.coarse(fine)]

class Whole(nn.Module):
    def __init__(self, encoder: Levels, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(8, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.encoder(image)[-1].mean(dim=(2, 3)))

def net(num_classes: int, in_channels: int, pyramid: bool = False) -> nn.Module:
    """Two convolutions.

    Args:
        num_classes: values in the output.
        in_channels: of the pictures.
    """
    encoder = Levels(in_channels)
    return encoder if pyramid else Whole(encoder, num_classes)
'''
LOSS = '''
class Loss(nn.Module):
    """Cross-entropy.

    Args:
        ignore_index: label that is left out.
    """

    def __init__(self, ignore_index: int | None = None) -> None:
        super().__init__()
        self.ignore_index = -100 if ignore_index is None else ignore_index

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(outputs, target, ignore_index=self.ignore_index)
'''
METRIC = '''
@dataclass(frozen=True)
class Hits(Statistic):
    ignore_index: int | None

    def measure(self, preds: Tensor, target: Tensor) -> Tensor:
        valid = torch.ones_like(target, dtype=torch.bool) if self.ignore_index is None else target != self.ignore_index
        hits = (preds.argmax(dim=1) == target)
        return torch.stack([hits.sum(), valid.sum()])

class Rate(Metric):
    """Share of right decisions.

    Args:
        ignore_index: label that is left out.
    """

    higher_is_better = True

    def __init__(self, ignore_index: int | None = None) -> None:
        self.statistic = Hits(ignore_index)

    def compute(self, sums: Tensor) -> Tensor:
        return sums[0] / sums[1]
'''
FOREIGN = '''
import torchmetrics

class Share(torchmetrics.Metric):
    """Mean of hits."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("hits", torch.zeros(()), "sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.hits = self.hits + (preds.argmax(dim=1) == target).sum()
        self.count = self.count + len(target)

    def compute(self) -> Tensor:
        return self.hits / self.count
'''
TRANSFORM = '''
@dataclass
class Flip:
    """Mirror left and right.

    Args:
        p: probability.
    """

    p: float = 0.5

    def __call__(self, sample: Sample) -> Sample:
        if torch.rand(()) >= self.p:
            return sample
        image = tv_tensors.Image(sample["image"].flip(-1))
        return {**sample, "image": image, "mask": tv_tensors.Mask(sample["mask"].flip(-1))}
'''
KEYED = '''
@dataclass
class Dim(KeyedTransform):
    """Darken at random.

    Args:
        p: probability.
    """

    p: float = 0.5

    def transform(self, sample: Sample, draws: Draws) -> Sample:
        chosen, factor = draws.uniform(), draws.uniform()
        image = sample["image"]
        dim = (image * factor).to(image.dtype) if chosen < self.p else image.clone()
        return {**sample, "image": tv_tensors.wrap(dim, like=image)}

    def transform_batch(self, batch: Batch, draws: Draws) -> Batch:
        chosen, factor = draws.uniform(), draws.uniform()
        image = batch["image"]
        factors = torch.where(chosen < self.p, factor, 1.0).view(-1, 1, 1, 1)
        return {**batch, "image": tv_tensors.wrap((image * factors).to(image.dtype), like=image)}
'''
DATASET = '''
class Set(Dataset):
    """Random pictures."""

    def __init__(self) -> None:
        self.images = torch.randint(256, (6, 3, 8, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        self.labels = [0, 1, 2, 0, 1, 2]
        self.info = DataInfo(classes=("a", "b", "c"), channels=3, image_size=(8, 9))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        return {"image": tv_tensors.Image(self.images[index].clone()), "label": self.labels[index]}

    def fingerprint(self) -> str:
        return str(int(self.images.sum()))
'''
SCHEDULER = '''
class Halves(LRScheduler):
    """Half of it at every step, by a count of its own."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.count = 0
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        self.count += 1
        return [base * 0.5 ** self.count for base in self.base_lrs]
'''
OPTIMIZER = '''
class Descent(Optimizer):
    """Gradient descent with momentum.

    Args:
        lr: learning rate.
    """

    def __init__(self, params: Any, lr: float = 0.01) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                state["mean"] = 0.5 * state.get("mean", 0) + weight.grad
                weight -= group["lr"] * state["mean"]
'''
TASK = '''
class Sort(Task):
    """One class for each picture."""

    default_loss = "cross-entropy"
    default_metrics: ClassVar[Mapping[str, str]] = {"accuracy": "accuracy"}

    def forward(self, batch: Batch) -> Output:
        logits, _ = split_outputs(self.model(batch["image"]))
        return Output(self.loss(logits, batch["label"]), logits.detach().softmax(dim=1), batch["label"])

    def predict(self, image: Tensor) -> list[dict[str, Any]]:
        logits, _ = split_outputs(self.model(image))
        return [{"label": index} for index in logits.argmax(dim=1).tolist()]
'''
CALLBACK = '''
class Log(Callback):
    """Writes down losses."""

    def start(self, run: Run) -> None:
        self.file = (run.directory / "log").open("a")

    def step(self, run: Run, batch: Batch, output: Output) -> None:
        self.file.write(f"{float(output.loss.detach())}\\n")

    def end(self, run: Run) -> None:
        self.file.close()
'''

RIGHT = {
    "model": (MODEL, "Net"),
    "loss": (LOSS, "Loss"),
    "metric": (METRIC, "Rate"),
    "transform": (TRANSFORM, "Flip"),
    "dataset": (DATASET, "Set"),
    "scheduler": (SCHEDULER, "Halves"),
    "optimizer": (OPTIMIZER, "Descent"),
    "task": (TASK, "Sort"),
    "callback": (CALLBACK, "Log"),
}


@dataclass(frozen=True)
class Wrong:
    """A right component with one change.

    Attributes:
        breaks: the rules that must fail, and no others.
        says: what the message of the first must have in it.
    """

    kind: str
    breaks: str
    old: str
    new: str
    says: str
    case: dict[str, Any] = field(default_factory=dict)
    source: str | None = None
    target: str | None = None
    options: str = ""

    def __str__(self) -> str:
        return f"{self.kind}-{self.breaks.split()[0]}-{re.sub(r'[^a-z]+', '-', self.says.lower())[:24]}"


SCENES: dict[str, Any] = {"task": "segmentation", "ignore_index": 255, "sizes": ((12, 16),)}
STEM = "maps = self.convolution(image).relu() + self.scale"
FLIPPED = 'image = tv_tensors.Image(sample["image"].flip(-1))'
MASKED = 'tv_tensors.Mask(sample["mask"].flip(-1))'
LABEL = '"label": self.labels[index]}'
WHOLE_IMAGE = "tv_tensors.Image(self.images[index].clone())"

WRONG = [
    # --- every kind
    Wrong("dataset", "is-documented", "self) -> None:", "self, size: int = 3) -> None:", "say what size means"),
    Wrong(
        "model",
        "parameters-round-trip",
        "Gt(0)] = 4",
        "Gt(4)] = 4",
        "a default is not of its parameter's own type or range",
    ),
    Wrong(
        "dataset",
        "a-typo-is-refused",
        "class Set",
        "class Parameters(BaseModel):\n    size: int = Field(3, description='of nothing')\n\n"
        "    @model_validator(mode='before')\n    @classmethod\n    def drop(cls, values: Any) -> Any:\n"
        "        return {'size': values.get('size', 3)}\n\n\n"
        "def build(size: int) -> Dataset:\n    return Set()\n\nclass Set",
        "is taken as if nothing were wrong",
        target="build",
        options=", params=Parameters",
    ),
    # --- models
    Wrong(
        "model",
        "forward-and-backward half-precision state-dict-round-trips",
        STEM,
        f"{STEM} / 0",
        "an output is not finite",
    ),
    Wrong("model", "forward-and-backward", "return self.head(", "return (", "give N x C = 2 x 3"),
    Wrong("model", "forward-and-backward", "maps.mean", "maps.detach().mean", "convolution.bias got no"),
    Wrong(
        "model",
        "half-precision",
        "return self.head(maps.mean(dim=(2, 3)))",
        "return self.head(maps.mean(dim=(2, 3))) * 1000 * 1000",
        "compute what can overflow in float32",
    ),
    Wrong(
        "model",
        "state-dict-round-trips",
        'self.register_buffer("scale", torch.rand(()))',
        "self.scale = torch.rand(())",
        "two models of equal state dicts differ",
    ),
    Wrong(
        "model",
        "takes-its-sizes",
        STEM,
        f"{STEM}\n        assert image.shape[-1] % 8 == 0",
        "it fails on 33 x 41",
        case={"sizes": ((32, 40), (33, 41))},
    ),
    Wrong(
        "model",
        "pyramid-keeps-its-word",
        "channels = (4, 8)",
        "channels = (4, 16)",
        "make them agree",
        source=PYRAMID,
        target="net",
    ),
    # --- losses
    Wrong(
        "loss",
        "scalar-and-finite mean-over-the-batch",
        "ignore_index=self.ignore_index)",
        "ignore_index=self.ignore_index, reduction='none')",
        "return a scalar",
        case=SCENES,
    ),
    Wrong(
        "loss",
        "scalar-and-finite",
        "return cross_entropy(outputs, target, ignore_index=self.ignore_index)",
        "return -outputs.softmax(1).log().gather(1, target[:, None]).mean()",
        "not finite for outputs around 100",
    ),
    Wrong(
        "loss",
        "differentiable",
        "cross_entropy(outputs, target",
        "cross_entropy(outputs / outputs.detach().norm(), target",
        "not that of finite differences",
    ),
    Wrong(
        "loss",
        "mean-over-the-batch",
        "ignore_index=self.ignore_index)",
        "ignore_index=self.ignore_index, reduction='sum')",
        "take the mean over the batch",
    ),
    Wrong(
        "loss",
        "ignores-what-it-should",
        "ignore_index=self.ignore_index)",
        "ignore_index=self.ignore_index) + outputs.mean()",
        "change the loss",
        case=SCENES,
    ),
    # --- metrics
    Wrong("metric", "finite", "sums[0] / sums[1]", "sums[0] / (sums[1] - sums[1])", "not finite"),
    Wrong(
        "metric",
        "adds-up merges-across-processes",
        "torch.stack([hits.sum(), valid.sum()])",
        "torch.stack([hits.float().mean(), torch.ones(())])",
        "return sums and counts, never means",
    ),
    Wrong(
        "metric",
        "merges-across-processes",
        'torch.zeros(()), "sum")',
        'torch.zeros(()), "mean")',
        "states with dist_reduce_fx",
        source=FOREIGN,
        target="Share",
    ),
    Wrong(
        "metric",
        "starts-again merges-across-processes",
        'self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")',
        "self.count = torch.zeros(())",
        "in a second epoch of the same data",
        source=FOREIGN,
        target="Share",
    ),
    Wrong(
        "metric",
        "direction-is-right",
        "higher_is_better = True",
        "higher_is_better = False",
        "the direction is the other",
    ),
    Wrong(
        "metric",
        "shares-its-count",
        "@dataclass(frozen=True)",
        "@dataclass(frozen=True, eq=False)",
        "make the statistic a frozen dataclass",
    ),
    Wrong("metric", "ignores-what-it-should", "== target)", "== target.clamp(max=2))", "change the value", case=SCENES),
    Wrong(
        "metric",
        "whole-is-whole",
        "torch.stack([hits.sum(), valid.sum()])",
        "torch.stack([hits.sum(), valid.sum()]).double()\n\n    whole = True",
        "leave out `whole = True`",
    ),
    # --- transforms
    Wrong(
        "transform",
        "gives-a-valid-sample",
        '{**sample, "image": image,',
        '{"label": 1, "path": "a", "image": image,',
        "leave `path` as it is",
    ),
    Wrong(
        "transform",
        "gives-a-valid-sample",
        FLIPPED,
        'image = sample["image"].flip(-1).as_subclass(Tensor)',
        "a tv_tensors.Image no more",
    ),
    Wrong(
        "transform",
        "gives-a-valid-sample",
        MASKED,
        'v2.functional.resize(sample["mask"][None].float(), sample["mask"].shape).flip(-1).mul(1.2)[0].to(torch.uint8)',
        "take the nearest pixel's label",
    ),
    Wrong(
        "transform",
        "same-key-same-sample",
        "torch.rand(())",
        "(self.__dict__.update(drawn=self.__dict__.get('drawn', 0) + 1), self.drawn % 2)[1]",
        "one key gives two samples",
    ),
    Wrong(
        "transform", "other-key-other-sample", "torch.rand(())", "random.Random(3).random()", "8 keys give one sample"
    ),
    Wrong("transform", "other-key-other-sample", "self.p:", "self.p:", "it draws something", case={"fixed": True}),
    Wrong(
        "transform",
        "leaves-its-input-alone same-key-same-sample",
        FLIPPED,
        'image = sample["image"]; image[:, :2] = image[:, :2] // 2; image = tv_tensors.Image(image.flip(-1))',
        "it writes into its input",
    ),
    Wrong("transform", "picture-and-mask-stay-aligned", MASKED, 'sample["mask"]', "do not show the same areas"),
    Wrong(
        "transform",
        "picture-and-mask-stay-aligned",
        FLIPPED,
        'image = v2.RandomAffine(40, (0.2, 0.2))(sample["image"])',
        "do not show the same areas",
    ),
    Wrong(
        "transform",
        "same-in-a-worker",
        "    p: float = 0.5\n",
        "    p: float = 0.5\n\n    def __post_init__(self) -> None:\n        self.act = lambda image: image\n",
        "cannot be pickled",
    ),
    Wrong(
        "transform",
        "forms-agree",
        "torch.where(chosen <",
        "torch.where(chosen[0] <",
        "another `image` from equal draws",
        source=KEYED,
        target="Dim",
    ),
    Wrong(
        "transform",
        "forms-agree",
        "draws.uniform(), draws.uniform()\n        image = batch",
        "0 * draws.uniform() + torch.rand(len(draws)), draws.uniform()\n        image = batch",
        "draw from `draws` alone",
        source=KEYED,
        target="Dim",
    ),
    Wrong(
        "transform",
        "forms-agree",
        'image = sample["image"]\n',
        'image = sample["image"]\n        draws.integers(0, 2)\n',
        "draw another number of times",
        source=KEYED,
        target="Dim",
    ),
    Wrong(
        "transform",
        "draws-nothing-if-it-says-so",
        "    p: float = 0.5\n",
        "    p: float = 0.5\n    random = False\n",
        "leave `random` out",
        source=KEYED,
        target="Dim",
    ),
    # --- data sets
    Wrong(
        "dataset",
        "tensors-are-its-samples",
        "    def fingerprint",
        "    def tensors(self) -> Batch:\n        labels = torch.tensor(self.labels[::-1])\n"
        '        return {"image": tv_tensors.Image(self.images), "label": labels}\n\n    def fingerprint',
        "holds another sample 0",
    ),
    Wrong("dataset", "samples-are-what-it-says", "image_size=(8, 9)", "image_size=(9, 8)", "make them agree"),
    Wrong("dataset", "samples-are-what-it-says", '("a", "b", "c")', '("a", "b")', "name every class"),
    Wrong("dataset", "samples-are-what-it-says", LABEL, '"label": self.labels[index - 1]}', "one order for both"),
    Wrong(
        "dataset",
        "samples-are-what-it-says",
        LABEL,
        '"mask": tv_tensors.Mask(self.images[index][0])}',
        "map them to class indices",
    ),
    Wrong("dataset", "same-index-same-sample", ".clone()", "", "is another the second time"),
    Wrong(
        "dataset",
        "same-index-same-sample same-in-a-worker",
        WHOLE_IMAGE,
        "tv_tensors.Image(torch.randint(256, (3, 8, 9), dtype=torch.uint8))",
        "leave randomness to the transforms",
    ),
    Wrong(
        "dataset", "fingerprint-is-stable", "str(int(self.images.sum()))", "str(id(self))", "never with hash() or id()"
    ),
    Wrong(
        "dataset",
        "fingerprint-is-stable",
        "self.labels = [0, 1, 2, 0, 1, 2]",
        "self.labels = [0, 1, 2, 0, 1, 2]; self.lock = __import__('threading').Lock()",
        "cannot be pickled",
    ),
    # --- schedulers
    Wrong(
        "scheduler", "rates-are-sane", "base * 0.5 ** self.count", "base - 0.02 * self.count", "a learning rate of -"
    ),
    Wrong(
        "scheduler",
        "resumes",
        "self.count += 1",
        "Counter.count += 1; self.count = Counter.count",
        "after a resume the learning rates are others",
    ),
    # --- optimizers
    Wrong("optimizer", "lowers-a-loss", "weight -=", "weight +=", "step against the gradient"),
    Wrong("optimizer", "keeps-groups-apart", 'group["lr"]', 'self.defaults["lr"]', "in one group"),
    Wrong(
        "optimizer",
        "resumes",
        "state = self.state[weight]",
        "state = self.__dict__.setdefault('own', {}).setdefault(id(weight), {})",
        "goes elsewhere",
    ),
    # --- tasks
    Wrong("task", "gives-loss-and-predictions", "logits.detach().softmax", "logits.softmax", "give `preds` detached"),
    Wrong("task", "gives-loss-and-predictions", "self.loss(logits,", "self.loss(logits.detach(),", "finite scalar"),
    Wrong(
        "task",
        "its-metrics-take-its-predictions",
        "logits.detach().softmax(dim=1)",
        "logits.detach()[:, 0]",
        "fails where this is tested: The metrics that it names",
    ),
    Wrong(
        "task", "predicts-plain-data", "argmax(dim=1).tolist()", "argmax(dim=1)", "label in a prediction is no plain"
    ),
    # --- callbacks
    Wrong("callback", "sees-a-run", "output.loss.detach()", "output.los.detach()", "no attribute 'los'"),
    Wrong("callback", "sees-a-resumed-run", '.open("a")', '.open("x")', "in a run that is resumed"),
    Wrong(
        "callback",
        "sees-a-run-that-ends-early",
        "self.file.close()",
        'self.file.write(str(run.state.values["lr"])); self.file.close()',
        "when a run ends before its first step",
    ),
]


def write(wrong: Wrong) -> str:
    source, target = RIGHT[wrong.kind]
    source, target = wrong.source or source, wrong.target or target
    assert source.count(wrong.old) == 1
    hook = HOOK.format(kinds=PLURAL.get(wrong.kind, f"{wrong.kind}s"), target=target, options=wrong.options)
    return HEAD + source.replace(wrong.old, wrong.new) + hook


@pytest.mark.parametrize("kind", RIGHT)
def test_right_ones_pass(kind, check) -> None:
    source, target = RIGHT[kind]
    failed, _ = check(HEAD + source + HOOK.format(kinds=PLURAL.get(kind, f"{kind}s"), target=target, options=""))
    assert failed == {}


def test_target_that_takes_anything_is_refused(check) -> None:
    source = MODEL.replace("width: Annotated[int, Gt(0)] = 4", "width: Tensor | None = None")
    failed, _ = check(HEAD + source + HOOK.format(kinds="models", target="Net", options=""))
    assert "which a spec cannot hold" in failed["model-wrong-target-resolves"]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_rule_is_broken_and_no_other(wrong, check) -> None:
    failed, _ = check(write(wrong), Case(wrong.kind, "wrong", **wrong.case))
    rules = wrong.breaks.split()
    assert set(failed) == {f"{wrong.kind}-wrong-{rule}" for rule in rules}
    assert wrong.says in failed[f"{wrong.kind}-wrong-{rules[0]}"]


def test_every_rule_is_broken_once() -> None:
    broken = {(wrong.kind, rule) for wrong in WRONG for rule in wrong.breaks.split()}
    broken |= {("component", rule) for _, rule in broken} | {("component", "target-resolves")}
    assert {(kind, rule.name) for kind, rules in RULES.items() for rule in rules} <= broken
