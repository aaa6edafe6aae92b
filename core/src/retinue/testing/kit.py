"""From cases to pytest tests: one for each component and rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from retinue.errors import RetinueError
from retinue.hooks import KINDS
from retinue.plugins.components import Component
from retinue.plugins.discovery import Plugin
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile
from retinue.testing.case import Case
from retinue.testing.entry_module import check_entry_module
from retinue.testing.rule import NotApplicable, Rule, Violation
from retinue.testing.rules import list_rules
from retinue.testing.subject import Subject
from retinue.validation import closest, enumerate_words

MakeFolder = Callable[[], Path]

Try = Callable[[MakeFolder], None]
"""What one test does; it may ask for an empty folder."""


def check_plugin(plugin: str, cases: Sequence[Case] = (), *, registry: Path | None = None) -> Callable[..., None]:
    """Return a pytest test of a plug-in; assign it to a name that begins with "test_".

    A component without a case is tested with its defaults. One that has parameters without defaults, and a family,
    fail until a case says what to test them with.

    Args:
        plugin: its id.
        cases: components with parameters, and what else is to be known about them; several for one component are
            welcome.
        registry: the registry.toml to read; default: the nearest one from the working directory upwards.
    """
    trials = list(_list_trials(plugin, cases, registry))

    @pytest.mark.parametrize("trial", [pytest.param(attempt, id=name) for name, attempt in trials])
    def test_plugin(trial: Try, tmp_path_factory: pytest.TempPathFactory) -> None:
        reason = message = None
        try:
            trial(lambda: tmp_path_factory.mktemp("case"))
        except NotApplicable as error:
            reason = str(error)
        except (Violation, RetinueError) as error:
            message = str(error)
        # Out here pytest shows no exception that led to this one.
        if reason:
            pytest.skip(reason)
        if message:
            pytest.fail(message, pytrace=False)

    return test_plugin


def _list_trials(id: str, cases: Sequence[Case], file: Path | None) -> Iterator[tuple[str, Try]]:
    try:
        registry = Registry(RegistryFile(file)) if file else Registry()
    except RetinueError as error:
        yield "plugin", _fail(str(error))
        return
    plugin = next((plugin for plugin in registry.plugins if plugin.id == id and plugin.status == "ok"), None)
    if plugin is None:
        yield "plugin", _fail(_explain_absence(id, registry))
        return
    yield "entry-module-is-light", lambda _: check_entry_module(plugin)
    components = list(registry.components(plugin=id))
    known = {(component.kind, name) for component in components for name in _members(component)}
    for case in cases:
        if (case.kind, case.name) not in known:
            yield f"{case.kind}-{case.name}", _fail(_explain_unknown(case, plugin, known))
    bench = _Bench(id, registry)
    for component in components:
        own = [case for case in cases if case.kind == component.kind and case.name in _members(component)]
        if not own and component.is_family:
            wanted = f'Case("{component.kind}", "{_members(component)[0]}")'
            yield f"{component.kind}-family", _fail(f"no member of the family is tested: add {wanted}, or another")
        for case, label in _label(own or [Case(component.kind, component.name)] * (not component.is_family)):
            yield from _list_rules(case, label, bench)


def _list_rules(case: Case, label: str, bench: _Bench) -> Iterator[tuple[str, Try]]:
    rules = list_rules(case.kind)
    names = [rule.name for rule in rules]
    for name in case.exempt:
        if name not in names:
            meant = closest(name, names)
            hint = f'did you mean "{meant}"?' if meant else f"there are {', '.join(names)}"
            yield f"{label}-{name}", _fail(f'the case exempts from "{name}", which is no rule of a {case.kind}: {hint}')
    for rule in rules:
        yield f"{label}-{rule.name}", bench.prepare(case, rule)


class _Bench:
    """Holds one subject at a time: built models of every case would fill the memory.

    Attributes:
        told: what is wrong with the subject, and the rule that showed it first.
    """

    def __init__(self, plugin: str, registry: Registry) -> None:
        self.plugin = plugin
        self.registry = registry
        self.subject: Subject | None = None
        self.told: dict[str, str] = {}

    def prepare(self, case: Case, rule: Rule) -> Try:
        def attempt(make_folder: MakeFolder) -> None:
            __tracebackhide__ = True
            try:
                self._apply(case, rule, make_folder)
            except NotApplicable as error:
                # `pytest -rs` prints reasons without the names of tests.
                raise NotApplicable(f"{rule.name}: {error}") from error

        return attempt

    def _apply(self, case: Case, rule: Rule, make_folder: MakeFolder) -> None:
        __tracebackhide__ = True
        if rule.name in case.exempt:
            raise NotApplicable(case.exempt[rule.name])
        if self.subject is None or self.subject.case is not case:
            self.subject, self.told = Subject(case, self.plugin, self.registry, make_folder), {}
        try:
            rule.check(self.subject)
        except NotApplicable:
            raise
        except (Violation, RetinueError) as broken:
            self._refuse_twice(broken, rule)
            raise Violation(f"{self.subject.name}: {broken}") from broken
        except Exception as error:
            self._refuse_twice(error, rule)
            error.add_note(f"{self.subject.name} fails where this is tested: {rule.check.__doc__}")
            raise

    def _refuse_twice(self, error: Exception, rule: Rule) -> None:
        """What fails many rules at once is told by the first of them."""
        cause = error.__context__ or error
        first = self.told.setdefault(f"{type(cause).__name__}: {cause}", rule.name)
        if first != rule.name:
            raise NotApplicable(f"it fails as {first} does") from error


def _fail(message: str) -> Try:
    def attempt(_: MakeFolder) -> None:
        raise Violation(message)

    return attempt


def _members(component: Component) -> list[str]:
    return [name.split("/", 1)[1] for name in component.list_members()]


def _label(cases: Sequence[Case]) -> Iterator[tuple[Case, str]]:
    """Yield cases with what their tests are called; several of one component are counted."""
    several = Counter(case.name for case in cases)
    seen: Counter[str] = Counter()
    for case in cases:
        seen[case.name] += 1
        number = f"-{seen[case.name]}" if several[case.name] > 1 else ""
        yield case, f"{case.kind}-{case.name}{number}"


def _explain_absence(id: str, registry: Registry) -> str:
    for plugin in registry.plugins:
        if plugin.id == id:
            return f"plug-in {id} is {plugin.condition}: {plugin.error}"
    known = enumerate_words([plugin.id for plugin in registry.plugins])
    return (
        f'there is no plug-in "{id}": install it ("pip install -e ."), or name its file in a registry.toml and that in '
        f"check_plugin(..., registry=...); there are {known}"
    )


def _explain_unknown(case: Case, plugin: Plugin, known: set[tuple[str, str]]) -> str:
    if case.kind not in KINDS:
        return f'there is no kind "{case.kind}": {enumerate_words(list(KINDS))}'
    names = sorted(name for kind, name in known if kind == case.kind)
    meant = closest(case.name, names)
    hint = f'did you mean "{meant}"?' if meant else f"it has {enumerate_words(names) or 'none'}"
    return f'plug-in {plugin.id} registers no {case.kind} "{case.name}": {hint}'
