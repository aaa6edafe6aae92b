"""What a plug-in's entry module imports: the marker, the hooks and the kinds. Never torch.

from retinue.hooks import Register, hookimpl

@hookimpl
def retinue_models(register: Register) -> None:
    register("unet", "retinue_unet.models:UNet", summary="2-D U-Net (Ronneberger et al., 2015)")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pluggy import HookimplMarker, HookspecMarker

PROJECT = "retinue"
"""The entry point group, and the name that pluggy knows the hooks by."""

hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


class Register(Protocol):
    """The function that every hook receives."""

    def __call__(
        self,
        name: str,
        target: str | Callable[..., Any],
        *,
        summary: str,
        params: str | type | None = None,
        requires: Sequence[str] = (),
        deprecated: str | None = None,
        lister: str | Callable[[], Sequence[str]] | None = None,
    ) -> None:
        """Offer one component, or with a `name` of "*" a family of them.

        Args:
            name: kebab-case; "*" for a family, which answers to every name that `lister` returns.
            target: "package.module:attribute", imported when first needed; in a single-file plug-in the
                class or function itself. The target of a family takes the member's name as `name`.
            summary: one line for listings.
            params: "package.module:Model" or a pydantic model of the parameters, where the signature of the
                target cannot say them.
            requires: requirements of this component alone, such as "imageio>=2".
            deprecated: what to use in its stead.
            lister: a function that returns the names of the family's members, or "package.module:function".
        """


@hookspec
def retinue_models(register: Register) -> None:
    """Register models: called with parameters, return a torch.nn.Module."""


@hookspec
def retinue_datasets(register: Register) -> None:
    """Register data sets: called with parameters, return a retinue.api.Dataset."""


@hookspec
def retinue_transforms(register: Register) -> None:
    """Register transforms: called with parameters, return sample -> sample, a KeyedTransform or a BatchTransform."""


@hookspec
def retinue_losses(register: Register) -> None:
    """Register losses: called with parameters, return a torch.nn.Module of (outputs, target) -> scalar."""


@hookspec
def retinue_metrics(register: Register) -> None:
    """Register metrics: called with parameters, return a retinue.api.Metric or a torchmetrics.Metric."""


@hookspec
def retinue_schedulers(register: Register) -> None:
    """Register schedulers: called with `optimizer`, return a torch.optim.lr_scheduler.LRScheduler."""


@hookspec
def retinue_optimizers(register: Register) -> None:
    """Register optimizers: called with `params`, return a torch.optim.Optimizer."""


@hookspec
def retinue_tasks(register: Register) -> None:
    """Register tasks: called with `model`, `loss` and `info`, return a retinue.api.Task."""


@hookspec
def retinue_callbacks(register: Register) -> None:
    """Register callbacks: called with parameters, return a retinue.api.Callback."""


@dataclass(frozen=True)
class Kind:
    """A kind of component.

    Attributes:
        name: the word in specs, commands and documentation.
        hook: the hook that registers it.
        supplied: parameters that the engine passes, which a spec can never name.
        keys: keys beside `use` that the framework owns in this kind's tables, with what they mean.
    """

    name: str
    hook: str
    supplied: frozenset[str] = frozenset()
    keys: tuple[tuple[str, str], ...] = ()


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("model", "retinue_models", supplied=frozenset({"pyramid"})),
        Kind(
            "dataset",
            "retinue_datasets",
            keys=(
                ("transforms", "what happens to each sample, in order"),
                ("split", "cut one set in two: [data.train] takes the first part, [data.val] the rest"),
            ),
        ),
        Kind("transform", "retinue_transforms"),
        Kind("loss", "retinue_losses"),
        Kind("metric", "retinue_metrics"),
        Kind(
            "scheduler",
            "retinue_schedulers",
            supplied=frozenset({"optimizer", "total"}),
            keys=(
                ("every", 'when it advances: "epoch" or "step"'),
                ("warmup", 'linear warm-up before it starts, such as "5ep" or "500it"'),
                ("metric", "the metric that a plateau scheduler watches, such as val/loss"),
            ),
        ),
        Kind("optimizer", "retinue_optimizers", supplied=frozenset({"params"})),
        Kind("task", "retinue_tasks", supplied=frozenset({"model", "loss", "info"})),
        Kind("callback", "retinue_callbacks"),
    )
}

DATA_PARAMETERS: dict[str, str] = {
    "num_classes": "number of classes, or of target values in regression",
    "class_names": "names of the classes in label order",
    "class_counts": "training samples of each class",
    "ignore_index": "label that losses and metrics skip",
    "in_channels": "channels of a picture after the transforms",
    "image_size": "height and width of a picture after the transforms",
}
"""Parameters that are filled from the data set when the spec leaves them out."""


NESTED_KIND = "x-kind"
"""In the JSON Schema of a parameter, the kind of component that it is."""


@dataclass(frozen=True)
class Nested:
    """Marks a parameter that is itself a component: `Annotated[nn.Module, Nested("loss")]` arrives built.

    Attributes:
        pyramid: of a model, its feature maps level by level are wanted, as an encoder.
    """

    kind: str
    pyramid: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        table = core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
        named = core_schema.union_schema([core_schema.str_schema(), table], mode="left_to_right")
        return core_schema.no_info_after_validator_function(self._name, named)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), NESTED_KIND: self.kind}

    def _name(self, value: str | dict[str, Any]) -> NestedTable:
        return NestedTable(self.kind, {"use": value} if isinstance(value, str) else value, self.pyramid)


@dataclass(frozen=True)
class NestedTable:
    """A nested component as the spec has it, before its name is resolved."""

    kind: str
    table: dict[str, Any]
    pyramid: bool
