"""The conformance kit: a plug-in's author declares cases and gets one pytest test for each component and rule.

from retinue.testing import Case, check_plugin

test_plugin = check_plugin("tiny", [Case("model", "tiny", {"width": 8})])
"""

from retinue.testing.case import Case
from retinue.testing.kit import check_plugin

__all__ = ["Case", "check_plugin"]
