"""The parts of airbench94 (Jordan, 2024) for Retinue: its network, Muon, and test-time flips."""
