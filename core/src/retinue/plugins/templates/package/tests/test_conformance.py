"""What users of the plug-in rely on. A second Case tests a component with other parameters."""

from retinue.testing import Case, check_plugin

test_plugin = check_plugin("my-part", [Case("my-kind", "my-part")])
