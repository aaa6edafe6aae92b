"""Names that mean something are let through, and those of plug-ins are told as the registry tells them."""

from __future__ import annotations

import pytest

from retinue.errors import SpecError


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.val.use=builtin/digits"],
        ["data.val.split.seed=0", "data.train.split.stratified=true"],
        ["data.train.transforms=['rgb']"],
        ["~data.val"],
        ["~data.train.split", "~data.val.split"],
        ["~data.val.split", "data.val.use=mnist", "data.val.root=x"],
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


def refusal(plan, overrides: list[str], registry) -> str:
    with pytest.raises(SpecError) as caught:
        plan(overrides, registry)
    [problem] = caught.value.problems
    assert problem.position is not None
    return f"{problem.position}: {problem.message} | {problem.suggestion} | {problem.note}"


def test_ambiguous_name_lists_the_candidates_and_how_to_choose(site, plan) -> None:
    site.offer("one", "register('twin', 'one.parts:twin', summary='')")
    site.offer("two", "register('twin', 'two.parts:twin', summary='')")
    told = refusal(plan, ["model.use=twin"], site.registry())
    assert told.startswith('command line:1:11: model "twin" is offered by 2 plug-ins: one/twin, two/twin | None | ')
    assert "[resolve.model]" in told


def test_nested_name_of_two_plugins_is_told_in_the_second_stage(site, plan) -> None:
    for id in ("one", "two"):
        site.offer(id, "register('twin', 'x:y', summary='')", kind="losses")
    told = refusal(plan, ["loss={use='sum', terms=[{loss={use='twin'}}]}"], site.registry())
    assert 'loss "twin" is offered by 2 plug-ins' in told


def test_name_of_a_broken_plugin_shows_the_cause(site, plan) -> None:
    site.install("unet", "raise RuntimeError('no libfoo')")
    told = refusal(plan, ["model.use=unet/unet"], site.registry())
    assert told.startswith("command line:1:11: ")
    assert "RuntimeError: no libfoo" in told


def test_component_that_cannot_be_imported_is_told_at_its_name(site, plan) -> None:
    site.install(
        "net",
        "from retinue.hooks import hookimpl\n\n@hookimpl\ndef retinue_models(register):\n"
        "    register('net', 'retinue_net.parts:Net', summary='')\n",
        parts="import nothing_of_the_kind\n",
    )
    told = refusal(plan, ["model.use=net"], site.registry())
    assert told.startswith("command line:1:11: ")
    assert "nothing_of_the_kind" in told
