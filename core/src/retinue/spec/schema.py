"""The run spec: every key, its type, its meaning and its default."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from retinue.documents import name_type
from retinue.spec.durations import Duration


class Table(BaseModel):
    """A table of a spec; a key that it does not have is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ComponentTable(BaseModel):
    """A component by name, with its own parameters beside `use`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    use: str = Field(description="name of the component", min_length=1)

    @property
    def parameters(self) -> dict[str, Any]:
        """The component's own parameters, as written."""
        return dict(self.model_extra or {})


def _name_alone(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise ValueError(f"a name, or a table with `use`, is needed, this is {name_type(value)}")
    return {"use": value} if isinstance(value, str) else value


Component = Annotated[ComponentTable, BeforeValidator(_name_alone, json_schema_input_type=str | ComponentTable)]
"""A table with `use`, or the name alone."""


def _one_alone(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


class SplitTable(Table):
    """`split` of a data set: the first part trains, the rest validates."""

    fraction: float = Field(gt=0, lt=1, description="share of the samples in the first part")
    seed: int = Field(0, ge=0, lt=2**63, description="of the draw that parts them")
    stratified: bool = Field(True, description="keep the share of each class in both parts")


class DatasetTable(ComponentTable):
    """A data set by name, with what happens to its samples."""

    transforms: list[Component] = Field([], description="what happens to each sample, in order")
    split: SplitTable | None = Field(None, description="cut one set in two; the same in data.train and data.val")


Dataset = Annotated[DatasetTable, BeforeValidator(_name_alone, json_schema_input_type=str | DatasetTable)]


class DataTable(Table):
    """[data]"""

    batch_size: int = Field(32, ge=1, description="samples in a step, all processes together")
    workers: Annotated[int, Field(ge=0, le=1024)] | Literal["auto"] = Field(
        "auto", description="threads or processes that prepare samples; 0: the main process does"
    )
    worker_kind: Literal["auto", "thread", "process"] = Field(
        "auto", description="what they are; auto: threads, where transforms allow it and threads are measured to pay"
    )
    path: Literal["auto", "streamed", "batched"] = Field(
        "auto",
        description="how batches are made: streamed, sample by sample; batched, at once from samples in memory; "
        "auto: batched where data and transforms allow it",
    )
    cache: Literal["auto", "ram", "none"] = Field(
        "auto",
        description="keep decoded samples in memory from their first reading on; ram: as many as fit; "
        "auto: where all fit, transforms are keyed, and neither `worker_kind` nor `path` asks for the opposite",
    )
    cache_gib: float | None = Field(
        None,
        gt=0,
        description="most memory for them in each process, in GiB; default: its share of half of what is free when "
        "the run starts, with auto no more than 1",
    )
    unreadable: Literal["stop", "skip"] = Field(
        "stop", description="what becomes of a run that meets a sample it cannot read; skip leaves it out and counts it"
    )
    drop_last: bool = Field(False, description="leave out an epoch's last batch where it is smaller")
    train: Dataset = Field(description="what to learn from")
    val: Dataset | None = Field(None, description="what to validate on after each epoch")
    test: Dataset | None = Field(None, description="what `evaluate --split test` takes")


class SchedulerTable(ComponentTable):
    """One learning-rate schedule; several multiply."""

    every: Literal["epoch", "step"] = Field("epoch", description="when it advances")
    warmup: Duration | None = Field(None, description="linear warm-up before it starts, such as 5ep or 500it")
    metric: str | None = Field(None, description="what a plateau scheduler watches; default: val/loss")


Scheduler = Annotated[SchedulerTable, BeforeValidator(_name_alone, json_schema_input_type=str | SchedulerTable)]


Schedulers = Annotated[list[Scheduler], BeforeValidator(_one_alone, json_schema_input_type=list[Scheduler] | Scheduler)]


class EarlyStopTable(Table):
    """`early_stop`: end a run that no longer improves."""

    metric: str = Field(description="such as val/accuracy")
    patience: Duration = Field(description="how long without a better value, such as 5ep")
    mode: Literal["min", "max"] | None = Field(None, description="which direction is better; default: the metric's own")
    min_delta: float = Field(0.0, ge=0, description="how much better counts as better")


class TrainTable(Table):
    """[train]: for how long and on what"""

    epochs: int | None = Field(None, ge=1, le=10**9, description="passes over the training data")
    steps: int | None = Field(None, ge=1, le=10**12, description="optimizer steps, in place of epochs")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$",
        examples=["auto", "cpu", "mps", "cuda", "cuda:1"],
        description="auto, cpu, mps, cuda or cuda:N",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="what the model computes in")
    accumulate: int = Field(1, ge=1, description="parts that a batch is learnt from in, one after the other")
    clip_norm: float | None = Field(None, gt=0, description="largest norm of all gradients together")
    clip_value: float | None = Field(None, gt=0, description="largest absolute value of a gradient")
    ema: float | None = Field(
        None, gt=0, lt=1, description="decay of the weights' moving average, which validation and the artefact take"
    )
    gradient_checkpointing: bool | list[str] = Field(
        False, description="compute blocks again in the backward pass to save memory: true, or patterns of their names"
    )
    compile: bool = Field(False, description="let torch.compile make the model faster; the first step takes longer")
    channels_last: bool = Field(False, description="lay pictures out by pixel in memory, which convolutions may like")
    deterministic: bool = Field(False, description="refuse operations that give another result each time, as on GPUs")
    strategy: Literal["ddp", "fsdp2"] = Field("ddp", description="how several processes share the model")
    skip_nonfinite: int = Field(
        0, ge=0, description="steps that may be left out because their loss or a gradient is not finite"
    )
    early_stop: EarlyStopTable | None = Field(None, description="end a run that no longer improves")

    @model_validator(mode="after")
    def _some_length(self) -> TrainTable:
        if self.epochs is None and self.steps is None:
            raise ValueError("[train] needs either `epochs` or `steps`")
        return self


class FreezeTable(Table):
    """`freeze`: parameters that do not learn"""

    match: str = Field(description='pattern of parameter names, such as "layer[12].*"')
    until: Duration | None = Field(None, description="when they begin to learn, such as 5ep; default: never")


class GroupTable(Table):
    """`groups`: parameters with settings of their own"""

    match: str = Field(description='pattern of parameter names, such as "fc.*"; the first that matches counts')
    lr: float | None = Field(None, ge=0, description="their learning rate; default: the optimizer's")
    weight_decay: float | None = Field(None, ge=0, description="their weight decay; default: the optimizer's")


class FinetuneTable(Table):
    """[finetune]: begin with weights that were learnt before, and say what learns"""

    weights: FilePath | None = Field(None, description="a state dict in .safetensors, .pt or .pth")
    into: str | None = Field(None, description="the part of the model that the weights are of, such as encoder")
    freeze: list[FreezeTable] = Field([], description="parameters that do not learn, for a while or at all")
    groups: list[GroupTable] = Field([], description="parameters with settings of their own")
    layer_decay: float | None = Field(None, gt=0, le=1, description="each layer's learning rate by that of the next")


class BestTable(Table):
    """`best`: which checkpoint is the best"""

    metric: str = Field(description="such as val/accuracy")
    mode: Literal["min", "max"] | None = Field(None, description="which direction is better; default: the metric's own")
    keep: int = Field(1, ge=1, description="how many of the best are kept")


Bests = Annotated[list[BestTable], BeforeValidator(_one_alone, json_schema_input_type=list[BestTable] | BestTable)]


class CheckpointTable(Table):
    """[checkpoint]"""

    every: Duration = Field(Duration(1, "ep"), description="time between checkpoints, such as 1ep or 500it")
    best: Bests = Field(
        [], description="one or several; default: on validation data the first metric with a direction, else the loss"
    )
    last: int = Field(1, ge=1, description="how many of the latest are kept; two at least are")


class LogTable(Table):
    """[log]"""

    every: int = Field(50, ge=1, description="steps between two `step` records in metrics.jsonl")
    tensorboard: bool = Field(True, description="write TensorBoard events")


class RunSpec(Table):
    """A run spec."""

    spec: Literal[1] = Field(description="version of this file's form")
    base: str | None = Field(None, description="another spec that this one builds on, relative to this file")
    name: str = Field(
        "run",
        pattern=r"^[\w][\w.-]*$",
        examples=["flowers", "resnet18-v2.1"],
        description="what the run is called; names its folder",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of every random draw")
    task: Component = Field(ComponentTable(use="classification"), description="what a batch means")
    data: DataTable = Field(description="what to learn from and validate on")
    model: Component = Field(description="what learns")
    finetune: FinetuneTable | None = Field(None, description="begin with weights that were learnt before")
    loss: Component | None = Field(None, description="default: the task's")
    optimizer: Component = Field(description="how it learns")
    scheduler: Schedulers = Field([], description="learning-rate schedules; several multiply")
    metrics: dict[str, Component] | None = Field(
        None, description="by the name they are logged under; default: the task's"
    )
    train: TrainTable = Field(description="for how long and on what")
    checkpoint: CheckpointTable = Field(CheckpointTable(), description="what is kept")
    callbacks: list[Component] = Field([], description="what else sees the run happen, in order")
    log: LogTable = Field(LogTable(), description="what is written")
