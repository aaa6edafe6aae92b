"""The table of contents: light, and every parameter documented."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

from retinue_unet.models import UNet


def test_entry_module_imports_no_torch() -> None:
    code = "import sys, retinue_unet.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_parameter_is_documented() -> None:
    documented = re.findall(r"^ {4}(\w+): ", inspect.getdoc(UNet) or "", re.MULTILINE)
    assert list(inspect.signature(UNet).parameters) == [name for name in documented if name != "ValueError"]
