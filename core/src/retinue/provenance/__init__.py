"""run.lock: who made a run, under what, what its data held, and whether that is still so."""

from retinue.provenance.differences import Difference, check_resumable, compare, require_plugins, warn_of_differences
from retinue.provenance.lock import (
    LearntFrom,
    Lock,
    describe_data,
    describe_run,
    describe_software,
    find_launched,
    read_learnt_from,
    read_lock,
    read_threads,
    renew_lock,
    write_lock,
)

__all__ = [
    "Difference",
    "LearntFrom",
    "Lock",
    "check_resumable",
    "compare",
    "describe_data",
    "describe_run",
    "describe_software",
    "find_launched",
    "read_learnt_from",
    "read_lock",
    "read_threads",
    "renew_lock",
    "require_plugins",
    "warn_of_differences",
    "write_lock",
]
