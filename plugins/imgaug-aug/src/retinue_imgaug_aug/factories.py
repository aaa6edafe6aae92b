"""The augmenters as the registry calls them: factories.affine, factories.some_of and so on, one for each name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter as Argument
from inspect import Signature, signature
from typing import Annotated, Any

from annotated_types import Ge

from retinue.errors import Problem, SpecError
from retinue_imgaug_aug.augmentation import Augmentation
from retinue_imgaug_aug.catalog import CATALOG
from retinue_imgaug_aug.notation import REQUIRED, UPSTREAM, Children, Parameter, plain, take
from retinue_imgaug_aug.tables import ROWS
from retinue_imgaug_aug.upstream import VOID_ATTRIBUTES, load

IGNORE_INDEX = plain(Annotated[int, Ge(0)], "label of what it brings in; 0 where the data set has none", 0)


class Factory:
    """Builds one augmenter from the parameters of a spec; its signature is made from its table and from imgaug's."""

    def __init__(self, name: str) -> None:
        path, summary = CATALOG[name]
        module, _, attribute = path.partition(".")
        self.name = name
        self.row = ROWS[name]
        self.augmenter = getattr(load(f"augmenters.{module}"), attribute)
        self.parameters = {**self.row.parameters, **({"ignore_index": IGNORE_INDEX} if self.row.fills else {})}
        self.signature = Signature(self._arguments(), return_annotation=Augmentation)
        meanings = "\n".join(f"    {key}: {parameter.meaning}" for key, parameter in self.parameters.items())
        self.docstring = f"{summary}.\n\nArgs:\n{meanings}\n"

    def build(self, given: Mapping[str, Any]) -> Augmentation:
        """Return the augmenter.

        Raises:
            SpecError: a child is not of this plug-in.
            ValueError: imgaug refuses a parameter.
        """
        bound = self.signature.bind(**given)
        bound.apply_defaults()
        values = bound.arguments
        void = values.pop("ignore_index", 0)
        if void < 0:
            raise ValueError(f"ignore_index is {void}, and imgaug's masks have labels from 0, such as 255 for void")
        inner = self._children(values)
        try:
            augmenter = self.augmenter(**{key: self._give(key, value) for key, value in values.items()})
        except Exception as error:
            # imgaug raises bare exceptions, which nobody could catch by type.
            raise ValueError(str(error)) from error
        _fill(augmenter, void, with_children=not inner)
        moves = self.row.moves or any(child.moves for child in inner)
        return Augmentation(
            self.name,
            augmenter,
            rgb=self.row.rgb or any(child.rgb for child in inner),
            moves=moves,
            tears=(self.row.mixes and moves) or any(child.tears for child in inner),
            void=max([void, *(child.void for child in inner)]),
        )

    def _arguments(self) -> list[Argument]:
        theirs = signature(self.augmenter).parameters
        return [self._argument(key, parameter, theirs.get(key)) for key, parameter in self.parameters.items()]

    def _argument(self, key: str, parameter: Parameter, theirs: Argument | None) -> Argument:
        default = parameter.default
        if default is UPSTREAM:
            assert theirs is not None, f"{self.name} has no {key}"
            default = REQUIRED if theirs.default is Argument.empty else take(theirs.default)
        kind = parameter.type | None if default is None else parameter.type
        return Argument(
            key, Argument.KEYWORD_ONLY, default=Argument.empty if default is REQUIRED else default, annotation=kind
        )

    def _children(self, values: dict[str, Any]) -> list[Augmentation]:
        nested = [key for key, parameter in self.parameters.items() if isinstance(parameter, Children)]
        named = {f"{key}[{number}]": child for key in nested for number, child in enumerate(values[key] or ())}
        foreign = [name for name, child in named.items() if not isinstance(child, Augmentation)]
        if foreign:
            reason = (
                f"imgaug-aug/{self.name} takes augmenters of imgaug-aug alone, these are others: {', '.join(foreign)}"
            )
            raise SpecError([Problem(reason, note='"random-apply" and its like take transforms of every plug-in')])
        return list(named.values())

    def _give(self, key: str, value: Any) -> Any:
        parameter = self.parameters[key]
        if isinstance(parameter, Children):
            return None if value is None else [child.augmenter for child in value]
        return parameter.to_imgaug(value)


def _fill(augmenter: Any, label: int, with_children: bool) -> None:
    """Set the label of what an augmenter brings in; children that a spec names have their own."""
    for each in [augmenter, *(augmenter.get_all_children(flat=True) if with_children else ())]:
        for attribute in VOID_ATTRIBUTES:
            if hasattr(each, attribute):
                setattr(each, attribute, label)


@cache
def _function(name: str) -> Callable[..., Augmentation]:
    """Return a factory as a function: run.lock hashes the file that a function is in."""
    factory = Factory(name)

    def build(**given: Any) -> Augmentation:
        return factory.build(given)

    build.__name__ = name.replace("-", "_")
    build.__doc__ = factory.docstring
    build.__signature__ = factory.signature  # type: ignore[attr-defined]
    return build


def __getattr__(attribute: str) -> Callable[..., Augmentation]:
    name = attribute.replace("_", "-")
    if name not in CATALOG:
        raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
    return _function(name)
