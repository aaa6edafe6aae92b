"""Write the reference pages from the code: `python docs/generate.py`; with --check, exit 1 where one is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from generator.commands import describe_commands
from generator.components import describe_plugins
from generator.hooks import describe_hooks
from generator.tables import describe_registry_file, describe_spec

FOLDER = Path(__file__).parent / "reference"
NOTICE = "<!-- Written by docs/generate.py: change the code, then run it again. -->"


def write_pages() -> dict[str, str]:
    """Return every page by its file name."""
    pages = {
        "spec.md": describe_spec(),
        "commands.md": describe_commands(),
        "hooks.md": describe_hooks(),
        "registry-file.md": describe_registry_file(),
        **describe_plugins(),
    }
    return {name: f"{NOTICE}\n\n" + "\n\n".join(parts) + "\n" for name, parts in pages.items()}


def main(arguments: list[str]) -> int:
    pages = write_pages()
    there = {str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.glob("**/*.md")}
    if arguments == ["--check"]:
        stale = sorted(name for name in pages.keys() | there.keys() if pages.get(name) != there.get(name))
        if stale:
            print(f"stale: {', '.join(stale)}; run: python docs/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for name in there.keys() - pages.keys():
        (FOLDER / name).unlink()
    for name, text in pages.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
