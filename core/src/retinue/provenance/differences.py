"""What is other now than when a run was made: what would make it another run is told apart from the rest."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from packaging.requirements import Requirement

from retinue.errors import RunDirectoryError
from retinue.hooks import PROJECT
from retinue.provenance.lock import Lock, damaged, read_lock
from retinue.rundir import RunDirectory

logger = logging.getLogger("retinue")

DECODERS = ("decoder", "jpeg_decoder")

COMPUTING = (PROJECT, "torch", "torchvision", "numpy", *DECODERS)
"""Versions that values depend on."""

CIRCUMSTANCES = ("python", "platform", "device", "threads", "processes")
"""What may change last digits and no more."""


@dataclass(frozen=True)
class Difference:
    """One of them.

    Attributes:
        what: what differs.
        then: what it was.
        now: what it is.
        severe: whether it makes another run.
        requirement: what to install to have it as it was.
    """

    what: str
    then: str
    now: str
    severe: bool
    requirement: str | None = None

    def __str__(self) -> str:
        return f"{self.what} was {self.then}, is {self.now}"


def check_resumable(directory: RunDirectory, now: Lock, despite_differences: bool = False) -> None:
    """Refuse to go on with what would be another run; warn of what else is not as it was.

    Raises:
        RunDirectoryError: all differences, and what to do.
    """
    found = compare(directory, now)
    if any(difference.severe for difference in found) and not despite_differences:
        raise RunDirectoryError(_explain_refusal(directory, found))
    for difference in found:
        logger.warning("since it began, %s", difference)


def warn_of_differences(directory: RunDirectory, now: Lock) -> None:
    """Say what may give other values than the run itself had."""
    for difference in compare(directory, now):
        if difference.severe:
            logger.warning("since %s was made, %s", directory, difference)


def require_plugins(directory: RunDirectory) -> None:
    """Refuse a run some of whose plug-ins are not installed.

    Raises:
        RunDirectoryError: names them with the versions that made the run.
    """
    try:
        given = {c["distribution"]: c["version"] for c in read_lock(directory)["components"] if c["distribution"]}
        missing = [_pin(name, given[name]) for name in sorted(given) if not _is_installed(name)]
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(directory, error) from error
    if missing:
        raise RunDirectoryError(
            f"{directory} was made with what is not installed here: pip install {' '.join(missing)}"
        )


def compare(directory: RunDirectory, now: Lock) -> list[Difference]:
    """Return what is other in `now` than in a run's lock, the severe first; what only one of them has is left out.

    Raises:
        RunDirectoryError: run.lock is missing or damaged.
    """
    then = read_lock(directory)
    try:
        found = [
            *_compare_spec(then, now),
            *_compare_versions(then, now),
            *_compare_components(then, now),
            *_compare_data(then, now),
            *_compare_circumstances(then, now),
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(directory, error) from error
    return sorted(found, key=lambda difference: not difference.severe)


def _compare_spec(then: Lock, now: Lock) -> Iterator[Difference]:
    if _differs("resolved", then, now):
        yield Difference("resolved.toml", then["resolved"][:12], now["resolved"][:12], severe=True)


def _compare_versions(then: Lock, now: Lock) -> Iterator[Difference]:
    for name in COMPUTING:
        if _differs(name, then, now):
            was, is_now = then[name], now[name]
            requirement = _pin(*was.split()) if name in DECODERS else _pin(name, was.split("+")[0])
            yield Difference(name, was, is_now, _release(was) != _release(is_now), requirement)


def _compare_components(then: Lock, now: Lock) -> Iterator[Difference]:
    before = {(c["kind"], c["name"]): c for c in then["components"]}
    after = {(c["kind"], c["name"]): c for c in now.get("components", [])}
    pairs = [(before[key], after[key]) for key in sorted(before.keys() & after.keys())]
    yield from {
        was["name"].split("/")[0]: found for was, is_now in pairs for found in _compare_plugins(was, is_now)
    }.values()
    for was, is_now in pairs:
        if None not in (was["sha256"], is_now["sha256"]) and was["sha256"] != is_now["sha256"]:
            what = f"the source file of {was['kind']} {was['name']}"
            yield Difference(what, was["sha256"][:12], is_now["sha256"][:12], severe=True)


def _compare_plugins(was: dict[str, Any], is_now: dict[str, Any]) -> Iterator[Difference]:
    """Compare who gives a component; the core's own version stands among the versions."""
    origin, distribution = _origin(was), was["distribution"]
    if origin == _origin(is_now) or distribution == is_now["distribution"] == PROJECT:
        return
    requirement = _pin(distribution, was["version"]) if distribution else None
    severe = _release(origin) != _release(_origin(is_now))
    yield Difference(f"plug-in {was['name'].split('/')[0]}", origin, _origin(is_now), severe, requirement)


def _origin(component: dict[str, Any]) -> str:
    return f"{component['distribution']} {component['version']}" if component["distribution"] else "a local file"


def _compare_data(then: Lock, now: Lock) -> Iterator[Difference]:
    for name, is_now in now.get("data", {}).items():
        was = then["data"].get(name)
        if isinstance(is_now, dict) and was is not None and was["fingerprint"] != is_now["fingerprint"]:
            yield Difference(f"data.{name}", _show_data(was), _show_data(is_now), severe=True)


def _show_data(section: dict[str, Any]) -> str:
    return f"{section['samples']:,} samples ({section['fingerprint'][:12]})"


def _compare_circumstances(then: Lock, now: Lock) -> Iterator[Difference]:
    for name in CIRCUMSTANCES:
        if _differs(name, then, now):
            yield Difference(name, str(then[name]), str(now[name]), severe=False)


def _differs(name: str, then: Lock, now: Lock) -> bool:
    return name in then and name in now and then[name] != now[name]


def _release(text: str) -> str:
    """Return a version, which a name may go before, up to its minor number: what a patch changes is no other run."""
    found = re.match(r"(\S+ )?\d+\.\d+", text)
    return found[0] if found else text


def _explain_refusal(directory: RunDirectory, found: list[Difference]) -> str:
    lines = "".join(f"\n  {difference}" for difference in found)
    wanted = " ".join(d.requirement for d in found if d.severe and d.requirement)
    install = f" (pip install {wanted})" if wanted else ""
    return (
        f"going on with {directory} would make another run of it:{lines}\n"
        f"Put that back as it was{install}, or go on all the same: "
        f"retinue train --resume {directory} --despite-differences"
    )


def _pin(distribution: str, version: str) -> str:
    """Return a requirement to show; a stranger's lock gets no other words into a command line."""
    return str(Requirement(f"{distribution}=={version}"))


def _is_installed(distribution: str) -> bool:
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False
