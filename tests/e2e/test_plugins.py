"""Plug-ins as wheels in fresh environments: good ones come and go, bad ones take nothing down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.test_wheels import SPEC, Environment, core, wheels

from retinue.hooks import KINDS

__all__ = ["core", "wheels"]

pytestmark = pytest.mark.slow

HOOK = "from retinue.hooks import hookimpl\n\n@hookimpl\ndef retinue_models(register):\n    "
GOOD = """
from torch import nn

def build(num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size[0] * image_size[1], num_classes))
"""


def write_wheel(
    folder: Path, id: str, module: str, *, version: str = "1.0", requires: str = "retinue>=0.1,<1", parts: str = GOOD
) -> Path:
    package, name = f"retinue_{id}", f"retinue-{id}"
    info = f"{package}-{version}.dist-info"
    files = {
        f"{package}/__init__.py": "",
        f"{package}/plugin.py": module,
        f"{package}/parts.py": parts,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: {requires}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[retinue]\n{id} = {package}.plugin\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    wheel = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


def offer(name: str, id: str) -> str:
    return f'{HOOK}register("{name}", "retinue_{id}.parts:build", summary="a linear layer")\n'


# --- plug-ins that are not as they should be


@dataclass(frozen=True)
class Bad:
    """A plug-in with a fault.

    Attributes:
        module: its entry module.
        status: what `list` and `doctor` call it.
        reason: what is said wherever it is missed.
        fix: a part of what mends it.
    """

    module: str
    status: str
    reason: str
    fix: str
    requires: str = "retinue>=0.1,<1"


BAD = {
    "raises": Bad("raise RuntimeError('no licence')", "broken", "RuntimeError: no licence", 'disabled = ["raises"]'),
    "exits": Bad("import sys\nsys.exit(3)", "broken", "SystemExit: 3", "retinue plugins show exits"),
    "needs": Bad("import absent_package", "broken", "No module named 'absent_package'", "absent_package"),
    "future": Bad(
        "raise RuntimeError('imported')", "incompatible", "needs retinue>=99", "uninstall", requires="retinue>=99"
    ),
    "misregisters": Bad(
        f'{HOOK}register("net", "retinue_misregisters.parts:build")',
        "broken",
        'model "net": the summary is one line of text',
        'disabled = ["misregisters"]',
    ),
}


@pytest.fixture(scope="module")
def crowd(core: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with every bad plug-in, two with a name in common, and one whose signature is no good."""
    folder = tmp_path_factory.mktemp("crowd")
    shutil.copytree(core, folder / "venv", symlinks=True, copy_function=os.link)
    environment = Environment(folder / "venv")
    untyped = "from torch import nn\n\ndef build(num_classes, width=3, **rest):\n    return nn.Identity()\n"
    environment.install(
        "--no-deps",
        *(write_wheel(folder, id, bad.module, requires=bad.requires) for id, bad in BAD.items()),
        *(write_wheel(folder, id, offer("twin", id)) for id in ("castor", "pollux")),
        write_wheel(folder, "untyped", offer("untyped", "untyped"), parts=untyped),
        write_wheel(folder, "lacking", offer("lacking", "lacking"), requires="absent-distribution>=2"),
    )
    return environment


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(SPEC)
    return tmp_path


def test_lists_go_on_and_say_one_line_about_each(crowd: Environment, workplace: Path) -> None:
    statuses = {found["id"]: found["status"] for found in crowd.read(workplace, "plugins", "list")}
    # What is broken is known once imported.
    assert statuses["future"] == "incompatible"
    assert {status for id, status in statuses.items() if id != "future"} == {"ok"}
    listed = crowd.run(workplace, "list", "model")
    assert listed.returncode == 0
    assert "castor/twin" in listed.stdout
    warnings = listed.stderr.splitlines()
    assert len(warnings) == len(BAD)
    for id, bad in BAD.items():
        [line] = [line for line in warnings if f"plug-in {id} (retinue-{id} 1.0) is {bad.status}: " in line]
        assert bad.reason in line


def test_a_run_that_needs_none_of_them_trains(crowd: Environment, workplace: Path) -> None:
    trained = crowd.run(workplace, "train", "tiny.toml", "--out", "run")
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr.count("warning: plug-in ") == len(BAD)


@pytest.mark.parametrize("id", BAD)
def test_a_run_that_needs_one_says_the_cause(id: str, crowd: Environment, workplace: Path) -> None:
    refused = crowd.run(workplace, "train", "tiny.toml", f"model.use={id}/net")
    assert refused.returncode == 2
    said = refused.stderr[refused.stderr.index("error: ") :]
    assert f'model "{id}/net" is not to be had: plug-in {id} is {BAD[id].status}' in said
    assert BAD[id].reason in said
    assert "Traceback" not in refused.stderr
    assert not (workplace / "runs").exists()


def test_a_shared_name_is_refused_until_it_is_pinned(crowd: Environment, workplace: Path) -> None:
    refused = crowd.run(workplace, "train", "tiny.toml", "model=twin")
    assert refused.returncode == 2
    assert 'model "twin" is offered by 2 plug-ins: castor/twin, pollux/twin' in refused.stderr
    assert '[resolve.model] twin = "castor/twin"' in refused.stderr
    (workplace / "registry.toml").write_text('schema = 1\n[resolve.model]\ntwin = "pollux/twin"\n')
    trained = crowd.run(workplace, "train", "tiny.toml", "model=twin", "--out", "run")
    assert trained.returncode == 0, trained.stderr
    assert "pollux/twin" in (workplace / "run" / "run.lock").read_text()


def test_a_signature_that_no_spec_can_fill_is_refused_before_the_run(crowd: Environment, workplace: Path) -> None:
    assert crowd.run(workplace, "list", "model", "--plugin", "untyped").returncode == 0
    refused = crowd.run(workplace, "train", "tiny.toml", "model=untyped")
    assert refused.returncode == 2
    assert "model untyped/untyped (retinue-untyped 1.0): parameter **rest cannot be named in a spec" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_doctor_names_each_with_what_mends_it(crowd: Environment, workplace: Path) -> None:
    done = crowd.run(workplace, "plugins", "doctor", "--json")
    assert done.returncode == 1
    troubles = [trouble for trouble in json.loads(done.stdout) if not trouble["harmless"]]
    for id, bad in BAD.items():
        [trouble] = [found for found in troubles if found["message"].startswith(f"{id} (")]
        assert trouble["kind"] == bad.status
        assert bad.reason in trouble["message"]
        assert bad.fix in trouble["fix"]
    others = {(found["kind"], found["fix"]) for found in troubles if found["message"].split(" (")[0] not in BAD}
    assert others == {
        ("ambiguous", 'in registry.toml, [resolve.model] twin = "castor/twin" or another of them'),
        ("requirement", 'pip install "absent-distribution>=2"'),
    }


def test_show_has_the_traceback(crowd: Environment, workplace: Path) -> None:
    shown = crowd.run(workplace, "plugins", "show", "raises")
    assert shown.returncode == 0
    assert "status: broken: RuntimeError: no licence" in shown.stdout
    assert "raise RuntimeError('no licence')" in shown.stdout


# --- installing


@pytest.fixture(scope="module")
def core_beside_pip(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Path:
    """The folder of an environment with the core alone, which venv made and gave pip."""
    folder = tmp_path_factory.mktemp("pip") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=300)
    Environment(folder).install(wheels["retinue"])
    return folder


@pytest.fixture(params=["core", "core_beside_pip"], ids=["uv", "pip"])
def made_by(request: pytest.FixtureRequest, workplace: Path) -> Environment:
    """An environment with the core alone, made by uv or by venv."""
    made: Path = request.getfixturevalue(request.param)
    shutil.copytree(made, workplace / "venv", symlinks=True, copy_function=os.link)
    return Environment(workplace / "venv")


def required(workplace: Path) -> list[str]:
    lines: list[str] = tomllib.loads((workplace / "registry.toml").read_text())["plugins"]["required"]
    return lines


def test_a_plugin_is_installed_written_down_and_taken_away(
    made_by: Environment, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    first, second = (
        write_wheel(workplace, "castor", offer("twin", "castor"), version=version) for version in ("1.0", "1.1")
    )
    registry = workplace / "registry.toml"
    registry.write_text('# ours\nschema = 1\n\n[resolve.model]\ntwin = "castor/twin"  # decided\n')

    installed = made_by.run(workplace, "plugins", "install", str(first))
    assert installed.returncode == 0, installed.stderr
    assert "retinue-castor 1.0 answers: model castor/twin" in installed.stdout
    assert required(workplace) == ["retinue-castor>=1.0"]
    assert "# ours" in registry.read_text()
    assert "# decided" in registry.read_text()

    registry.write_text(registry.read_text().replace("castor>=1.0", "castor>=1.1"))
    assert "retinue-castor>=1.1" in made_by.run(workplace, "plugins", "doctor").stdout
    monkeypatch.setenv("UV_FIND_LINKS", str(workplace))
    monkeypatch.setenv("PIP_FIND_LINKS", str(workplace))
    synced = made_by.run(workplace, "plugins", "sync")
    assert synced.returncode == 0, synced.stderr
    assert "retinue-castor 1.1 answers" in synced.stdout
    assert made_by.run(workplace, "plugins", "doctor").returncode == 0

    gone = made_by.run(workplace, "plugins", "uninstall", "castor")
    assert gone.returncode == 0, gone.stderr
    assert "retinue-castor" not in [found["distribution"] for found in made_by.read(workplace, "plugins", "list")]
    assert required(workplace) == []
    assert "castor" not in registry.read_text()
    assert second.exists()


@pytest.mark.parametrize(
    ("id", "requires", "said"),
    [
        ("raises", "retinue>=0.1,<1", "raises (retinue-raises 1.0) is broken: RuntimeError: no licence"),
        ("future", "retinue>=99", "install failed"),
        ("needs", "absent-distribution>=2", "install failed"),
    ],
)
def test_a_plugin_that_does_not_answer_is_not_written_down(
    id: str, requires: str, said: str, made_by: Environment, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wheel = write_wheel(workplace, id, BAD[id].module, requires=requires)
    registry = workplace / "registry.toml"
    registry.write_text("schema = 1\n")
    refused = made_by.run(workplace, "plugins", "install", wheel)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert registry.read_text() == "schema = 1\n"


# --- beginning one


@pytest.fixture(scope="module")
def begun(core: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with a new package of each kind, built and installed, and what tests them."""
    folder = tmp_path_factory.mktemp("begun")
    shutil.copytree(core, folder / "venv", symlinks=True, copy_function=os.link)
    environment = Environment(folder / "venv")
    for kind in KINDS:
        made = environment.run(folder, "plugins", "new", f"my-{kind}", "--kind", kind)
        assert made.returncode == 0, made.stderr
    environment.install("pytest", *(folder / f"retinue-my-{kind}" for kind in KINDS))
    return environment


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_passes_its_own_tests(kind: str, begun: Environment) -> None:
    folder = begun.python.parents[2] / f"retinue-my-{kind}"
    command = [begun.python, "-m", "pytest", "-q"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert (folder / ".github" / "workflows" / "test.yml").is_file()
