"""What is other now than when a run was made: resuming refuses another run, using one warns."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.plugins.conftest import Site, site

from retinue.errors import RunDirectoryError
from retinue.provenance import compare, read_lock, require_plugins
from retinue.run import SavedRun
from retinue.run import train as train_spec
from retinue.rundir import RunDirectory

__all__ = ["site"]

Train = Callable[..., SavedRun]
Change = Callable[[dict[str, Any]], object]

OLD = "0" * 64


def rewrite(run: SavedRun, change: Change) -> None:
    """Make the lock say that something was otherwise when the run began."""
    lock = read_lock(run.directory)
    change(lock)
    run.directory.lock.write_text(json.dumps(lock))


def component(lock: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in lock["components"] if c["name"] == f"builtin/{name}")


def resume(run: SavedRun, **options: Any) -> SavedRun:
    return train_spec(resume=run.directory.path, **options)


SEVERE: dict[str, tuple[Change, str]] = {
    "retinue": (lambda lock: lock.update(retinue="0.0.9"), r"retinue was 0\.0\.9, is "),
    "torch": (
        lambda lock: lock.update(torch="1.13.1+cu117"),
        r"torch was 1\.13\.1\+cu117, is .*\n.*torch==1\.13\.1[ )]",
    ),
    "torchvision": (lambda lock: lock.update(torchvision="0.1.0"), r"torchvision was 0\.1\.0, is "),
    "numpy": (lambda lock: lock.update(numpy="1.0.0"), r"numpy was 1\.0\.0, is "),
    "decoder": (lambda lock: lock.update(decoder="pillow 5.0.0"), r"decoder was pillow 5\.0\.0, .*\n.*pillow==5\.0\.0"),
    "JPEG decoder": (
        lambda lock: lock.update(jpeg_decoder="simplejpeg 1.0.0"),
        r"jpeg_decoder was simplejpeg 1\.0\.0, .*\n.*simplejpeg==1\.0\.0",
    ),
    "source": (
        lambda lock: component(lock, "mlp").update(sha256=OLD),
        r"the source file of model builtin/mlp was 000000000000, is [0-9a-f]{12}",
    ),
    "data": (
        lambda lock: lock["data"]["val"].update(samples=1360, fingerprint=OLD),
        r"data\.val was 1,360 samples \(000000000000\), is 359 samples \([0-9a-f]{12}\)",
    ),
    "spec": (lambda lock: lock.update(resolved=OLD), r"resolved\.toml was 000000000000, is [0-9a-f]{12}"),
}


@pytest.mark.parametrize("name", SEVERE)
def test_another_run_is_refused_and_nothing_written(name: str, train: Train) -> None:
    change, told = SEVERE[name]
    run = train()
    rewrite(run, change)
    before = {path: path.read_bytes() for path in run.directory.path.rglob("*") if path.is_file()}
    with pytest.raises(RunDirectoryError) as caught:
        resume(run)
    assert re.search(told, str(caught.value))
    assert str(caught.value).endswith(f"retinue train --resume {run.directory} --despite-differences")
    assert {path: path.read_bytes() for path in run.directory.path.rglob("*") if path.is_file()} == before


def test_all_differences_are_told_at_once(train: Train) -> None:
    run = train()
    rewrite(run, lambda lock: [change(lock) for change, _ in SEVERE.values()])
    rewrite(run, lambda lock: lock.update(device="cuda:0"))
    with pytest.raises(RunDirectoryError) as caught:
        resume(run)
    lines = str(caught.value).splitlines()[1:-1]
    assert len(lines) == len(SEVERE) + 1
    assert lines[-1] == "  device was cuda:0, is cpu"


MINOR: dict[str, tuple[Change, str]] = {
    "patch": (lambda lock: lock.update(torch=f"{lock['torch'].rsplit('.', 1)[0]}.99"), r"torch was .*\.99, is "),
    "python": (lambda lock: lock.update(python="3.8.0"), r"python was 3\.8\.0, is "),
    "platform": (lambda lock: lock.update(platform="elsewhere"), r"platform was elsewhere, is "),
    "device": (lambda lock: lock.update(device="mps"), "device was mps, is cpu"),
    "processes": (lambda lock: lock.update(processes=4), "processes was 4, is 1"),
}


@pytest.mark.parametrize("name", MINOR)
def test_what_changes_last_digits_is_told_and_kept(name: str, train: Train, caplog: pytest.LogCaptureFixture) -> None:
    change, told = MINOR[name]
    run = train()
    real = read_lock(run.directory)
    rewrite(run, change)
    changed = read_lock(run.directory)
    with caplog.at_level(logging.WARNING):
        resume(run)
    assert any(re.search(told, line) for line in caplog.messages)
    renewed = read_lock(run.directory)
    assert renewed["earlier"] == [{**changed, "until_step": 23}]
    assert {key: renewed[key] for key in real if key not in ("started", "git")} == {
        key: value for key, value in real.items() if key not in ("started", "git")
    }
    caplog.clear()
    resume(run)
    assert not [line for line in caplog.messages if "since it began" in line], "what was noted is not told again"


def test_what_was_accepted_is_kept_in_the_lock(train: Train) -> None:
    run = train()
    rewrite(run, lambda lock: lock.update(torch="1.13.1"))
    resume(run, despite_differences=True)
    lock = read_lock(run.directory)
    assert [part["torch"] for part in lock["earlier"]] == ["1.13.1"]
    rewrite(run, lambda lock: lock.update(numpy="1.0.0"))
    resume(run, despite_differences=True)
    assert [part["numpy"] for part in read_lock(run.directory)["earlier"]] == [lock["numpy"], "1.0.0"]
    resume(run)


def test_the_same_is_no_difference(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    run = train()
    before = run.directory.lock.read_bytes()
    resume(run)
    assert run.directory.lock.read_bytes() == before
    assert not [line for line in caplog.messages if "since it began" in line]


def test_using_a_run_warns_of_what_resuming_refuses(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    run = train()
    for change in (
        SEVERE["torch"][0],
        SEVERE["source"][0],
        SEVERE["data"][0],
        *(MINOR[name][0] for name in ("device", "python")),
    ):
        rewrite(run, change)
    caplog.clear()
    found = SavedRun(run.directory.path).evaluate()
    assert found["val/loss"] > 0
    told = [re.match(f"since {run.directory} was made, (.+) was ", line) for line in caplog.messages]
    assert {found[1] for found in told if found} == {"torch", "the source file of model builtin/mlp", "data.val"}


def test_other_validation_data_is_told(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    run = train()
    SavedRun(run.directory.path, overrides=["data.val.split.seed=7", "data.train.split.seed=7"]).evaluate()
    assert any(re.search(r"data\.val was 359 samples .* is 359 samples", line) for line in caplog.messages)


PLUGIN = """
from torch import nn
from retinue.hooks import hookimpl

def flat(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))

@hookimpl
def retinue_models(register): register("flat", flat, summary="linear")
"""


def test_a_file_of_ones_own_that_was_changed(train: Train, local_plugin: Callable[[str], None]) -> None:
    local_plugin(PLUGIN)
    run = train(["model.use=flat"])
    local_plugin(PLUGIN + "# another line\n")
    with pytest.raises(RunDirectoryError, match="the source file of model vision/flat was"):
        resume(run)
    local_plugin(PLUGIN)
    resume(run)


REGISTRATION = 'register("flat", "retinue_acme.parts:flat", summary="linear")'
PARTS = "from torch import nn\n" + PLUGIN.split("\n\n")[1]


def install(site: Site, version: str) -> None:
    for info in site.folder.glob("*.dist-info"):
        for file in info.iterdir():
            file.unlink()
        info.rmdir()
    site.offer("acme", REGISTRATION, parts=PARTS, version=version)


def test_another_version_of_a_plugin(site: Site, spec: Path, retinue: Callable[..., Any]) -> None:
    def call(*arguments: object) -> Any:
        return retinue(*arguments, cwd=spec.parent, env=site.environment)

    install(site, "0.1.0")
    assert call("train", spec, "model.use=flat", "--out", "run").returncode == 0
    install(site, "0.2.0")
    refused = call("train", "--resume", "run")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "error: going on with run would make another run of it:\n"
        "  plug-in acme was retinue-acme 0.1.0, is retinue-acme 0.2.0\n"
        "Put that back as it was (pip install retinue-acme==0.1.0), or go on all the same: "
        "retinue train --resume run --despite-differences\n"
    )
    evaluated = call("evaluate", "run", "--json")
    assert (evaluated.returncode, next(iter(json.loads(evaluated.stdout)))) == (0, "val/loss")
    assert evaluated.stderr == "since run was made, plug-in acme was retinue-acme 0.1.0, is retinue-acme 0.2.0\n"
    assert call("train", "--resume", "run", "--despite-differences").returncode == 0
    install(site, "0.2.1")
    patched = call("train", "--resume", "run")
    assert (patched.returncode, "was retinue-acme 0.2.0, is retinue-acme 0.2.1" in patched.stderr) == (0, True)
    for file in site.folder.glob("*.dist-info/*"):
        file.unlink()
    gone = call("train", "--resume", "run")
    assert (gone.returncode, gone.stderr) == (
        2,
        "error: run was made with what is not installed here: pip install retinue-acme==0.2.1\n",
    )
    assert call("evaluate", "run").stderr == gone.stderr


@pytest.mark.parametrize("components", [None, 3, [3], [{"kind": "model"}], [{"kind": [], "name": {}}]])
def test_a_damaged_lock_is_told(components: object, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.lock.write_text(json.dumps({"components": components, "data": {}}))
    with pytest.raises(RunDirectoryError, match=r"run\.lock is missing or damaged"):
        compare(directory, {"components": []})


def test_a_strangers_lock_gets_no_words_into_a_command_line(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    component = {"kind": "model", "name": "a/b", "distribution": "a; rm -r ~ #", "version": "1", "sha256": None}
    directory.lock.write_text(json.dumps({"components": [component], "data": {}}))
    with pytest.raises(RunDirectoryError) as caught:
        require_plugins(directory)
    assert "is missing or damaged" in str(caught.value)
    assert "pip install" not in str(caught.value)
