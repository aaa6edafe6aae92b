"""TensorBoard events through tensorboardX."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
import yaml
from annotated_types import Ge
from tensorboardX import SummaryWriter, summary
from torch import Tensor, nn

from retinue.api import Batch, Callback, Output, Run, Sample, split_outputs
from retinue.api.image import scale_pixels
from retinue.api.sheet import draw_samples, split_batch
from retinue.builtin.callbacks.class_values import draw_matrix, find_matrices, is_cell, write_table
from retinue.builtin.callbacks.event_file import SCHEME
from retinue.builtin.callbacks.predictions import draw_predictions

LARGEST, BINS = 160, 64
"""Most pixels of a picture's longer side, and parts of a histogram: an event file keeps those of every epoch."""


class TensorBoard(Callback):
    """Writes TensorBoard events beside metrics.jsonl.

    At the start: the spec and the first batch with its labels or masks; after the first epoch the model's graph. By
    epoch: scalars, predictions on validation samples, histograms, confusion matrices and a table of the values of each
    class. At the end: hyperparameters with the last epoch's values. Under FSDP no process has the whole model: there
    is no graph, there are no predictions and no histograms.

    Args:
        pictures: how many samples to draw of the first batch and of the predictions; 0 for none.
        histograms: whether to write histograms of weights and of the last step's gradients.
        graph: whether to write the model's graph.
        every: epochs from one set of predictions and histograms to the next; the last epoch always has one.
    """

    def __init__(
        self,
        pictures: Annotated[int, Ge(0)] = 8,
        histograms: bool = True,
        graph: bool = True,
        every: Annotated[int, Ge(1)] = 1,
    ) -> None:
        self.pictures = pictures
        self.histograms = histograms
        self.graph = graph
        self.every = every
        self.writer: SummaryWriter | None = None
        self.samples: list[Sample] = []
        self.drawn = False

    def start(self, run: Run) -> None:
        """Open the event file; of a resumed run, steps from here on replace what is there."""
        step = run.state.step
        self.writer = SummaryWriter(
            f"{SCHEME}:{run.directory}",
            purge_step=step + 1 if step else None,
            # Names go by the second: a run that is resumed at once would write over its own.
            filename_suffix=f".{step}",
        )
        self.drawn = step > 0 or not self.pictures
        self.samples = run.preview(self.pictures) if self.pictures else []
        if step == 0:
            self.writer.add_text("spec", textwrap.indent(_write_settings(run), "    "), 0)

    def step(self, run: Run, batch: Batch, output: Output) -> None:
        if not self.drawn and self.writer is not None:
            self.drawn = True
            sheet = draw_samples(split_batch(batch, self.pictures), run.info, LARGEST)
            self.writer.add_image("train/batch", sheet, run.state.step)

    def epoch(self, run: Run, values: Mapping[str, float]) -> None:
        if self.writer is None:
            return
        matrices = find_matrices(values, run.info.classes) if run.info.classes else {}
        plain = {name: value for name, value in values.items() if not is_cell(name, matrices)}
        for name, value in plain.items():
            self.writer.add_scalar(name, value, run.state.step)
        _add_class_values(self.writer, run, plain, matrices)
        # The first step does not wait for it.
        if self.graph and run.holds_model and run.state.epoch == 1:
            _add_graph(self.writer, run)
        if run.holds_model and (run.state.epoch % self.every == 0 or _is_over(run)):
            if self.samples:
                self.writer.add_image("predictions", _predict(run, self.samples), run.state.step)
            if self.histograms:
                _add_histograms(self.writer, run)
        self.writer.flush()

    def end(self, run: Run) -> None:
        if self.writer is None:
            return
        if _is_over(run):
            settings = dict(_flatten(run.settings))
            last = [name for name in run.state.values if name.count("/") == 1]
            for part in summary.hparams(settings, dict.fromkeys(last, 0.0)):
                self.writer.file_writer.add_summary(part)
        self.writer.close()


def _is_over(run: Run) -> bool:
    state = run.state
    return state.batch == 0 and (state.step >= run.total_steps or state.stopped is not None)


def _write_settings(run: Run) -> str:
    written: str = yaml.safe_dump(dict(run.settings), sort_keys=False, default_flow_style=None, width=100)
    return written


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, str | float]]:
    """Yield settings by dotted key, as text what is no number."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        yield from _flatten(dict(enumerate(value)), prefix)
    else:
        yield prefix, value if isinstance(value, bool | int | float | str) else str(value)


def _predict(run: Run, samples: list[Sample]) -> Tensor:
    training = run.task.training
    try:
        return draw_predictions(run.task.eval(), samples, run.device, LARGEST)
    finally:
        run.task.train(training)


def _add_class_values(
    writer: SummaryWriter, run: Run, values: Mapping[str, float], matrices: Mapping[str, list[list[float]]]
) -> None:
    classes = run.info.classes or ()
    for name, cells in matrices.items():
        writer.add_image(name, draw_matrix(cells, classes), run.state.step)
    for split in ("train", "val") if classes else ():
        table = write_table({n: value for n, value in values.items() if n.startswith(f"{split}/")}, classes)
        if table:
            writer.add_text(f"{split}/classes", table, run.state.step)


def _add_histograms(writer: SummaryWriter, run: Run) -> None:
    for name, parameter in run.task.model.named_parameters():
        for kind, values in (("weights", parameter), ("gradients", parameter.grad)):
            if values is not None and values.isfinite().all():
                writer.add_histogram(f"{kind}/{name}", values.detach().float().cpu(), run.state.step, BINS)


def _add_graph(writer: SummaryWriter, run: Run) -> None:
    image = scale_pixels(run.example["image"].to(run.device))
    model = run.task.model
    training = model.training
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # torch would compile what it traced and run it three times more, to compare.
            traced = torch.jit.trace(_MainOutput(model.eval()), image, check_trace=False)  # type: ignore[no-untyped-call]
            writer.add_graph(traced, image)
    # Tracing runs arbitrary model code; a model that cannot be traced trains all the same.
    except Exception as error:
        writer.add_text("graph", f"The model could not be traced: {type(error).__name__}: {error}")
    finally:
        model.train(training)


class _MainOutput(nn.Module):
    """The tracer takes no mappings."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return split_outputs(self.model(image))[0]
