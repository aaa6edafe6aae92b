"""What docs/generate.py writes the reference pages with."""
