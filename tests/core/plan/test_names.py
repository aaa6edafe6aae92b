"""Names that mean something are let through, and those of plug-ins are told as the registry tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from retinue.errors import SpecError
from retinue.plugins.registry import Registry
from retinue.plugins.registry_file import RegistryFile


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.val.use=builtin/digits"],
        ["data.val.split.seed=0", "data.train.split.stratified=true"],
        ["data.train.transforms=['rgb']"],
        ["~data.val"],
        ["~data.train.split", "~data.val.split"],
        ["~data.val.split", "data.val.use=fake"],
        ["data.test=digits"],
        ["checkpoint.best.metric=val/accuracy", "train.early_stop={metric='train/loss', patience='2ep'}"],
        ["metrics.f1={use='f1', average='none'}", "checkpoint.best.metric=val/f1/seven"],
        ["metrics={}", "scheduler={use='plateau', metric='val/loss'}"],
        ["~data.val", "scheduler=plateau", "checkpoint.best.metric=train/accuracy"],
        ["loss={use='sum', terms=[{loss='builtin/focal'}, {loss={use='builtin/mse'}, weight=2}]}"],
        ["model.use=torchvision/resnet18"],
    ],
    ids=" ".join,
)
def test_nothing_is_wrong_with_it(overrides: list[str], plan) -> None:
    assert plan(overrides)


def refusal(plan, overrides: list[str], folder: Path, **plugins: str) -> str:
    """Return the one thing that is wrong where these local plug-ins are there too."""
    lines = ["schema = 1", "[local]"]
    for id, source in plugins.items():
        (folder / f"{id}.py").write_text(f"from retinue.hooks import hookimpl\n{source}")
        lines.append(f'{id} = {{ path = "{id}.py" }}')
    (folder / "registry.toml").write_text("\n".join(lines))
    with pytest.raises(SpecError) as caught:
        plan(overrides, Registry(RegistryFile(folder / "registry.toml")))
    [problem] = caught.value.problems
    assert problem.position is not None
    return f"{problem.position}: {problem.message} | {problem.suggestion} | {problem.note}"


def test_second_length_is_told_where_it_was_said_with_what_to_remove(plan, tmp_path: Path) -> None:
    both, remove = "[train] has both `epochs` and `steps` | None | remove one of them", "on the command line"
    assert refusal(plan, ["train.steps=9"], tmp_path) == f"command line:1:1: {both}, say by `~train.epochs` {remove}"


@pytest.mark.parametrize(
    ("overrides", "note"),
    [
        (["~data.val.split"], "give both the same `split`"),
        (["data.val.use=fake"], "sets that have no sample in common need no `split`: leave it out; or give"),
    ],
)
def test_splits_that_differ_say_what_to_do(overrides: list[str], note: str, plan, tmp_path: Path) -> None:
    assert f" | None | {note}" in refusal(plan, overrides, tmp_path)


def hook(kind: str, target: str) -> str:
    return f"@hookimpl\ndef retinue_{kind}(register):\n    register('twin', '{target}', summary='one of two')\n"


def test_ambiguous_name_lists_the_candidates_and_how_to_choose(plan, tmp_path: Path) -> None:
    source = hook("models", "x:y")
    told = refusal(plan, ["model.use=twin"], tmp_path, one=source, two=source)
    assert told.startswith('command line:1:11: model "twin" is offered by 2 plug-ins: one/twin, two/twin | None | ')
    assert "[resolve.model]" in told


def test_nested_name_of_two_plugins_is_told_in_the_second_stage(plan, tmp_path: Path) -> None:
    source = hook("losses", "x:y")
    told = refusal(plan, ["loss={use='sum', terms=[{loss={use='twin'}}]}"], tmp_path, one=source, two=source)
    assert 'loss "twin" is offered by 2 plug-ins' in told


def test_name_of_a_broken_plugin_shows_the_cause(plan, tmp_path: Path) -> None:
    told = refusal(plan, ["model.use=shaky/net"], tmp_path, shaky="raise RuntimeError('no libfoo')")
    assert told.startswith("command line:1:11: ")
    assert "RuntimeError: no libfoo" in told


def test_component_that_cannot_be_imported_is_told_at_its_name(plan, tmp_path: Path) -> None:
    told = refusal(plan, ["model.use=twin"], tmp_path, net=hook("models", "nothing_of_the_kind:Net"))
    assert told.startswith("command line:1:11: ")
    assert "nothing_of_the_kind" in told
