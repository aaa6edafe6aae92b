"""Annotations for parameters that are components themselves: named in the spec, they arrive built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from torch import nn

from retinue.api.data import Sample
from retinue.hooks import Nested

NestedModel = Annotated[nn.Module, Nested("model")]
NestedLoss = Annotated[nn.Module, Nested("loss")]
NestedTransform = Annotated[Callable[[Sample], Sample], Nested("transform")]
