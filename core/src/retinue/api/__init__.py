"""The contracts that plug-in authors implement. Importing it imports torch; an entry module must not."""

from retinue.api.callback import Callback
from retinue.api.data import Batch, DataInfo, Dataset, Sample
from retinue.api.drawing import draw_mask, list_colors
from retinue.api.draws import Draws
from retinue.api.image import read_image
from retinue.api.metric import Metric, Statistic
from retinue.api.model import split_outputs
from retinue.api.nested import NestedLoss, NestedModel, NestedTransform
from retinue.api.pyramid import NestedPyramid, Pyramid
from retinue.api.run import Run, RunState
from retinue.api.task import Output, Task
from retinue.api.transform import BatchTransform, KeyedTransform
from retinue.hooks import Nested

__all__ = [
    "Batch",
    "BatchTransform",
    "Callback",
    "DataInfo",
    "Dataset",
    "Draws",
    "KeyedTransform",
    "Metric",
    "Nested",
    "NestedLoss",
    "NestedModel",
    "NestedPyramid",
    "NestedTransform",
    "Output",
    "Pyramid",
    "Run",
    "RunState",
    "Sample",
    "Statistic",
    "Task",
    "draw_mask",
    "list_colors",
    "read_image",
    "split_outputs",
]
