"""What git says, and what it must not be led to do."""

import os
import subprocess
from pathlib import Path

import pytest

from retinue.provenance import repository
from retinue.provenance.repository import describe_repository


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository_folder(tmp_path: Path) -> Path:
    """A repository of one commit with specs/spec.toml."""
    folder = tmp_path / "work"
    (folder / "specs").mkdir(parents=True)
    (folder / "specs" / "spec.toml").write_text("spec = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def test_commit_and_changes(repository_folder: Path) -> None:
    commit = git(repository_folder, "rev-parse", "HEAD")
    (repository_folder / "runs").mkdir()
    (repository_folder / "runs" / "new").write_text("what git does not track is no change")
    assert describe_repository(repository_folder / "specs") == {"commit": commit, "dirty": False}
    (repository_folder / "specs" / "spec.toml").write_text("spec = 2\n")
    assert describe_repository(repository_folder / "specs") == {"commit": commit, "dirty": True}


def test_absent_without_repository_commit_or_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert describe_repository(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert describe_repository(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe_repository(tmp_path) is None


def test_a_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(repository, "PATIENCE", 0.1)
    assert describe_repository(tmp_path) is None


def test_a_repository_of_a_stranger_starts_nothing(repository_folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {trace}\ncat\n")
    program.chmod(0o755)
    hook = repository_folder / ".git" / "hooks" / "post-index-change"
    hook.write_text(program.read_text())
    hook.chmod(0o755)
    git(repository_folder, "config", "core.fsmonitor", str(program))
    git(repository_folder, "config", "filter.a=b.clean", str(program))
    git(repository_folder, "config", "filter.a=b.process", str(program))
    git(repository_folder, "config", "filter.a=b.required", "true")
    (repository_folder / ".git" / "info" / "attributes").write_text("* filter=a=b\n")
    os.utime(repository_folder / "specs" / "spec.toml", (0, 0))
    trace.unlink(missing_ok=True)
    found = describe_repository(repository_folder)
    assert found is not None
    assert not found["dirty"]
    assert not trace.exists()
    subprocess.run(["git", "status"], cwd=repository_folder, capture_output=True)
    assert trace.exists(), "the trap itself does not work"
