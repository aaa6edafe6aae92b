"""The documentation's pages and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PLUGIN_GUIDE = ROOT / "docs" / "how-to" / "write-a-plugin.md"
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("core/*.md"), *ROOT.glob("plugins/*/*.md"), *ROOT.glob("docs/**/*.md")]
SMALL = """
spec = 1
name = "small"
data.train = { use = "digits", split = { fraction = 0.8 } }
data.val = { use = "digits", split = { fraction = 0.8 } }
model = "mlp"
optimizer = { use = "sgd", lr = 0.1 }
train.steps = 2
log.tensorboard = false
"""
"""A spec that lines of a page are added to."""
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that its first line says it is."""
        match = re.match(r"# ([\w./-]+\.(?:py|toml))\n", self.text)
        return match[1] if match else None

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, without comments."""
        lines = re.sub(r"\s#.*", "", self.text).splitlines()
        return [command.strip() for line in lines for command in line.split("&&")]


def read_blocks(page: Path, language: str | None = None) -> list[Block]:
    """Return a page's blocks in their order."""
    text = page.read_text(encoding="utf-8")
    found = [Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in FENCE.finditer(text)]
    return [block for block in found if language in (None, block.language)]


def all_blocks(language: str) -> list[Block]:
    """Return the blocks of every page."""
    return [block for page in PAGES for block in read_blocks(page, language)]
