"""Rules for components of every kind: names, parameters, documentation."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from retinue.errors import SpecError
from retinue.plan import PlannedComponent
from retinue.plan.values import list_values, write_resolved
from retinue.plugins.parameters import read_signature
from retinue.testing.rule import Violation, require, rule
from retinue.testing.subject import Subject, find_planned, plan_text


@rule("component")
def target_resolves(subject: Subject) -> None:
    """The target is importable, and every parameter has a type that a spec can hold."""
    component = subject.registry.resolve(subject.case.kind, subject.name)
    json.dumps(read_signature(component).model.model_json_schema())


@rule("component")
def is_documented(subject: Subject) -> None:
    """Every parameter has a line for `retinue describe`."""
    component = subject.registry.resolve(subject.case.kind, subject.name)
    fields = read_signature(component).model.model_fields
    bare = [name for name, field in fields.items() if not field.description]
    require(
        not bare,
        f'say what {", ".join(bare)} mean{"s" if len(bare) == 1 else ""} in the "Args:" section of the '
        "docstring, which `retinue describe` prints",
    )


@rule("component")
def parameters_round_trip(subject: Subject) -> None:
    """Written as a run's resolved.toml and read again, every value, defaults among them, is what it was."""
    try:
        plan = subject.plan
    except SpecError as error:
        needed = ", ".join(f'"{name}": ...' for name in _required(subject))
        remedy = f'Case("{subject.case.kind}", "{subject.case.name}", {{{needed}}})'
        raise Violation(f"it cannot be planned: give the case parameters that fit, {remedy}\n{error}") from None
    written = write_resolved(list(list_values(plan, {})))
    try:
        read = plan_text(written, "toml", subject.registry)
    except SpecError as error:
        raise Violation(
            f"a default is not of its parameter's own type or range, so that a run's resolved.toml "
            f"cannot be read again: mend the annotation or the default\n{error}"
        ) from None
    before, after = _plain(subject.planned), _plain(find_planned(read, subject.case.kind))
    changed = [name for name, value in before.items() if after[name] != value]
    require(
        not changed,
        f"{', '.join(changed)} changes when it is written down and read again: give it a type that JSON holds exactly",
    )


@rule("component")
def a_typo_is_refused(subject: Subject) -> None:
    """A misspelt parameter is named, with the right one beside it."""
    names = subject.planned.signature.model.model_fields
    meant = max(names, key=len, default="parameter")
    typo = next(f"{meant}{letter}" for letter in "xyz" if f"{meant}{letter}" not in names)
    try:
        subject.make_plan({**subject.parameters, typo: 1})
    except SpecError as error:
        found = [problem for problem in error.problems if problem.message == f'unknown key "{typo}"']
        require(bool(found), f'"{typo}" is not called an unknown key\n{error}')
        hinted = not names or found[0].suggestion == meant
        require(hinted, f'"{typo}" does not make one think of "{meant}"\n{error}')
        return
    raise Violation(
        f'a spec with "{typo}" is taken as if nothing were wrong: let the model of the parameters take no other keys'
    )


def _required(subject: Subject) -> list[str]:
    fields = read_signature(subject.registry.resolve(subject.case.kind, subject.name)).model.model_fields
    return [name for name, field in fields.items() if field.is_required()]


def _plain(value: Any) -> Any:
    if isinstance(value, PlannedComponent):
        return {"use": value.component.canonical, **{name: _plain(inner) for name, inner in value.parameters.items()}}
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
