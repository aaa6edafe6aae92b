"""TensorBoard events through tensorboardX."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from tensorboardX import SummaryWriter
from torch import Tensor, nn
from torchvision.utils import make_grid

from retinue.api import Batch, Callback, Output, Run, split_outputs

PICTURES = 16


class TensorBoard(Callback):
    """Writes scalars by epoch, the first batch of pictures, and the model's graph, beside metrics.jsonl."""

    def __init__(self) -> None:
        self.writer: SummaryWriter | None = None
        self.drawn = False

    def start(self, run: Run) -> None:
        """Open the event file; of a resumed run, steps from here on replace what is there."""
        state = run.state
        self.writer = SummaryWriter(
            str(run.directory),
            purge_step=state.step + 1 if state.step else None,
            # Names go by the second: a run that is resumed at once would write over its own.
            filename_suffix=f".{state.step}",
        )
        self.drawn = state.step > 0
        if state.step == 0:
            self._add_graph(run)

    def step(self, run: Run, batch: Batch, output: Output) -> None:
        if not self.drawn and self.writer is not None:
            self.drawn = True
            self.writer.add_image("train/batch", draw_batch(batch["image"]), run.state.step)

    def epoch(self, run: Run, values: Mapping[str, float]) -> None:
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(name, value, run.state.step)
            self.writer.flush()

    def end(self, run: Run) -> None:
        if self.writer is not None:
            self.writer.close()

    def _add_graph(self, run: Run) -> None:
        assert self.writer is not None
        image = run.example["image"].to(run.device)
        image = image.float().div(255) if image.dtype == torch.uint8 else image
        model = run.task.model
        training = model.training
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.writer.add_graph(_MainOutput(model.eval()), image, verbose=False)
        # Tracing runs arbitrary model code; a model that cannot be traced trains all the same.
        except Exception as error:
            self.writer.add_text("graph", f"The model could not be traced: {type(error).__name__}: {error}")
        finally:
            model.train(training)


class _MainOutput(nn.Module):
    """The tracer takes no mappings."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return split_outputs(self.model(image))[0]


def draw_batch(images: Tensor) -> Tensor:
    """Return the first pictures of a batch as one, each stretched over [0, 1] where normalisation moved it."""
    pictures = images[:PICTURES].detach().cpu()
    stretched = pictures.dtype != torch.uint8
    pictures = pictures.float() if stretched else pictures.float() / 255
    grid: Tensor = make_grid(pictures, nrow=8, padding=1, normalize=stretched, scale_each=stretched)
    return grid
