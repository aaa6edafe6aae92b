"""What a component takes: a pydantic model from the signature of its target."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from retinue.errors import PluginError
from retinue.hooks import DATA_PARAMETERS, KINDS
from retinue.plugins.components import Component


@dataclass(frozen=True)
class Signature:
    """A component's target and what it is called with.

    Attributes:
        target: the class or function.
        model: the parameters that a spec may give.
        from_data: those among them that the data set gives where the spec does not.
        supplied: what the engine passes.
    """

    target: Callable[..., Any]
    model: type[BaseModel]
    from_data: frozenset[str]
    supplied: frozenset[str]


@cache
def read_signature(component: Component) -> Signature:
    """Import a component's target and read what it takes.

    Raises:
        PluginError: it cannot be imported, or a parameter has no type that a spec could hold.
    """
    target = component.load()
    declared = component.load_params()
    if declared is not None:
        return _declared_signature(component, target, declared)
    parameters = _parameters(component, target)
    engine = KINDS[component.kind].supplied | ({"name"} if component.in_family else frozenset())
    supplied = frozenset(parameters) & engine
    fields = {name: parameter for name, parameter in parameters.items() if name not in supplied}
    from_data = frozenset(fields) & frozenset(DATA_PARAMETERS)
    _refuse_framework_keys(component, fields)
    return Signature(target, _build_model(component, target, fields, from_data), from_data, supplied)


def _declared_signature(component: Component, target: Callable[..., Any], declared: type) -> Signature:
    if not (isinstance(declared, type) and issubclass(declared, BaseModel)):
        raise PluginError(f"{_label(component)}: params is no pydantic model")
    from_data = frozenset(declared.model_fields) & frozenset(DATA_PARAMETERS)
    fields: dict[str, Any] = {
        name: (field.annotation, FieldInfo(default=None, description=field.description))
        for name, field in declared.model_fields.items()
        if name in from_data
    }
    model: type[BaseModel] = create_model(declared.__name__, __base__=(declared, _Strict), **fields)
    supplied = frozenset(inspect.signature(target).parameters) & KINDS[component.kind].supplied
    return Signature(target, model, from_data, supplied)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _parameters(component: Component, target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        raise PluginError(f"{_label(component)}: {target!r} cannot be called by name") from None
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise PluginError(
                f"{_label(component)}: parameter {parameter} cannot be named in a spec; "
                'write each one out, or register with params="package.module:Model"'
            )
    return dict(parameters)


def _build_model(
    component: Component,
    target: Callable[..., Any],
    parameters: dict[str, inspect.Parameter],
    from_data: frozenset[str],
) -> type[BaseModel]:
    hints = _read_hints(component, target, parameters)
    docs = _read_docs(target)
    fields: dict[str, Any] = {}
    for name, parameter in parameters.items():
        required = parameter.default is parameter.empty and name not in from_data
        default = ... if required else (None if name in from_data else parameter.default)
        fields[name] = (hints[name], FieldInfo(default=default, description=docs.get(name)))
    config = ConfigDict(extra="forbid", protected_namespaces=(), arbitrary_types_allowed=False)
    try:
        model: type[BaseModel] = create_model(_camel(component.name), __config__=config, **fields)
        TypeAdapter(model).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        unfit = next((name for name in fields if not _fits_json(hints[name])), "?")
        raise PluginError(
            f"{_label(component)}: parameter {unfit} has the type {hints.get(unfit)}, which a spec cannot hold; "
            'use plain types, or register with params="package.module:Model"'
        ) from error
    return model


def _fits_json(hint: Any) -> bool:
    try:
        TypeAdapter(hint).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError):
        return False
    return True


def _read_hints(
    component: Component, target: Callable[..., Any], parameters: dict[str, inspect.Parameter]
) -> dict[str, Any]:
    bare = [name for name, parameter in parameters.items() if parameter.annotation is parameter.empty]
    if bare:
        raise PluginError(f"{_label(component)}: parameters without a type: {', '.join(bare)}")
    function = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    annotations = {name: parameter.annotation for name, parameter in parameters.items()}
    # Only these: what the engine supplies may be imported for type checkers alone.
    holder = SimpleNamespace(__annotations__=annotations)
    try:
        return get_type_hints(holder, globalns=getattr(function, "__globals__", {}), include_extras=True)
    except NameError as error:
        raise PluginError(f"{_label(component)}: a parameter's type cannot be read: {error}") from error


def _read_docs(target: Callable[..., Any]) -> dict[str, str]:
    from docstring_parser import ParseError, parse

    texts = [target.__doc__, target.__init__.__doc__ if isinstance(target, type) else None]  # type: ignore[misc]
    docs: dict[str, str] = {}
    for text in texts:
        try:
            docs |= {found.arg_name: " ".join((found.description or "").split()) for found in parse(text or "").params}
        except ParseError:
            continue
    return docs


def _refuse_framework_keys(component: Component, fields: dict[str, inspect.Parameter]) -> None:
    owned = {"use", *(key for key, _ in KINDS[component.kind].keys)} & set(fields)
    if owned:
        raise PluginError(
            f"{_label(component)}: {', '.join(sorted(owned))} is the framework's key: rename the parameter"
        )


def _label(component: Component) -> str:
    return f"{component.kind} {component.canonical} ({component.plugin})"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-")) or "Parameters"
