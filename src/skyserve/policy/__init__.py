"""Decisions: pure functions of a Snapshot."""
