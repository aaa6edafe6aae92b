"""What timm knows about each of its models."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import timm
from timm.models import PretrainedCfg

from retinue.errors import Problem, SpecError


@dataclass(frozen=True)
class Entry:
    """A model of timm's.

    Attributes:
        name: timm's.
        published: timm's description of its published weights: where they are, and what they were made for.
    """

    name: str
    published: PretrainedCfg

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"timm-backbones/{self.name}"

    @property
    def first_convolution(self) -> list[str]:
        """Names of the modules that see the picture."""
        return _as_list(self.published.first_conv)

    @property
    def head(self) -> list[str]:
        """Names of the modules whose size is the number of classes."""
        return _as_list(self.published.classifier)


def look_up(name: str, tag: str | None = None) -> Entry:
    """Find a model by timm's name for it and the tag of its weights; default: timm's choice.

    Raises:
        SpecError: there is no such model, or it has no such tag.
    """
    try:
        published = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    except RuntimeError:
        known = list_tags(name)
        note = f"known: {', '.join(known)}" if known else "its weights have no tags"
        raise SpecError(
            [Problem(f'timm\'s {name} has no tag "{tag}"', suggestion=_closest(tag, known), note=note)]
        ) from None
    if published is None and not timm.is_model(name):
        raise SpecError([Problem(f'timm has no model "{name}"', suggestion=_closest(name, timm.list_models()))])
    return Entry(name, published or PretrainedCfg())


def list_tags(name: str) -> list[str]:
    """Return the tags of a model's published weights."""
    return [full.partition(".")[2] for full in timm.list_models(f"{name}.*", include_tags=True) if "." in full]


def _closest(word: str | None, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(str(word), known, 1)), None)


def _as_list(modules: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [modules] if isinstance(modules, str) else list(modules or ())
