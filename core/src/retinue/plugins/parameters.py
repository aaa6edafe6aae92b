"""What a component takes: a pydantic model from the signature of its target."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from retinue.errors import PluginError, UnknownComponent
from retinue.hooks import DATA_PARAMETERS, KINDS
from retinue.plugins.components import Component
from retinue.validation import closest


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
        UnknownComponent: a family that has no such member.
        PluginError: it cannot be imported, or a parameter has no type that a spec could hold.
    """
    _check_member(component)
    target = component.load()
    declared = component.load_params()
    parameters = _parameters(component, target)
    engine = KINDS[component.kind].supplied | ({"name"} if component.in_family else frozenset())
    supplied = frozenset(parameters) & engine
    if declared is not None:
        model = _declared_model(component, declared, parameters)
    else:
        own = {name: parameter for name, parameter in parameters.items() if name not in supplied}
        model = _build_model(component, target, own)
    _refuse_framework_keys(component, model)
    return Signature(target, model, frozenset(model.model_fields) & frozenset(DATA_PARAMETERS), supplied)


def _check_member(component: Component) -> None:
    if component.in_family and component.canonical not in component.list_members():
        meant = closest(component.canonical, component.list_members())
        raise UnknownComponent(f'no {component.kind} named "{component.canonical}"', meant)


def _declared_model(component: Component, declared: type, parameters: dict[str, inspect.Parameter]) -> type[BaseModel]:
    if not (isinstance(declared, type) and issubclass(declared, BaseModel)):
        raise PluginError(f"{component.label}: params is no pydantic model")
    foreign = [name for name in declared.model_fields if name not in parameters]
    if foreign and not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        raise PluginError(f"{component.label}: params has {', '.join(foreign)}, which the target does not take")
    fields: dict[str, Any] = {
        name: (_annotation(field), FieldInfo(default=None, description=field.description))
        for name, field in declared.model_fields.items()
        if name in DATA_PARAMETERS
    }
    model: type[BaseModel] = create_model(declared.__name__, __base__=(declared, _Strict), **fields)
    return model


def _annotation(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _parameters(component: Component, target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        raise PluginError(f"{component.label}: {target!r} does not tell what it takes") from None


def _build_model(
    component: Component, target: Callable[..., Any], parameters: dict[str, inspect.Parameter]
) -> type[BaseModel]:
    _refuse_nameless(component, target, parameters)
    hints = _read_hints(component, target, parameters)
    docs = _read_docs(target)
    fields: dict[str, Any] = {}
    for name, parameter in parameters.items():
        from_data = name in DATA_PARAMETERS
        required = parameter.default is parameter.empty and not from_data
        default = ... if required else (None if from_data else parameter.default)
        fields[name] = (hints[name], FieldInfo(default=default, description=docs.get(name)))
    config = ConfigDict(extra="forbid", protected_namespaces=(), arbitrary_types_allowed=False)
    try:
        with warnings.catch_warnings():
            # Parameters may be called "copy" as BaseModel's methods are, and have defaults that no JSON holds.
            warnings.simplefilter("ignore", UserWarning)
            model: type[BaseModel] = create_model(_camel(component.name), __config__=config, **fields)
            TypeAdapter(model).json_schema()
    except PydanticUserError as error:
        unfit = next((name for name in fields if not _fits_json(hints[name])), "?")
        raise PluginError(
            f"{component.label}: parameter {unfit} has the type {hints.get(unfit)}, which a spec cannot hold; "
            'use plain types, or register with params="package.module:Model"'
        ) from error
    return model


def _refuse_nameless(
    component: Component, target: Callable[..., Any], parameters: dict[str, inspect.Parameter]
) -> None:
    for name, parameter in parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) or name.startswith("_"):
            inherits = isinstance(target, type) and "__init__" not in vars(target)
            own = f"; {target.__name__} inherits it: give it an __init__ of its own" if inherits else ""
            raise PluginError(
                f"{component.label}: parameter {parameter} cannot be named in a spec; "
                f'write each one out, or register with params="package.module:Model"{own}'
            )


def _fits_json(hint: Any) -> bool:
    try:
        TypeAdapter(hint).json_schema()
    except PydanticUserError:
        return False
    return True


def _read_hints(
    component: Component, target: Callable[..., Any], parameters: dict[str, inspect.Parameter]
) -> dict[str, Any]:
    bare = [name for name, parameter in parameters.items() if parameter.annotation is parameter.empty]
    if bare:
        raise PluginError(f"{component.label}: parameters without a type: {', '.join(bare)}")
    hints: dict[str, Any] = {}
    # Only these: what the engine supplies may be imported for type checkers alone.
    for name, parameter in parameters.items():
        holder = SimpleNamespace(__annotations__={name: parameter.annotation})
        try:
            hints |= get_type_hints(holder, globalns=_namespace(target), include_extras=True)
        except (NameError, AttributeError, TypeError, SyntaxError) as error:
            raise PluginError(f"{component.label}: the type of parameter {name} cannot be read: {error}") from error
    return hints


def _namespace(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the globals that the target's annotations are written in."""
    function: Any = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    while isinstance(function, partial):
        function = function.func
    namespace: dict[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    return namespace


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


def _refuse_framework_keys(component: Component, model: type[BaseModel]) -> None:
    owned = {"use", *(key for key, _ in KINDS[component.kind].keys)} & set(model.model_fields)
    if owned:
        raise PluginError(f"{component.label}: {', '.join(sorted(owned))} is the framework's key: rename the parameter")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-")) or "Parameters"
