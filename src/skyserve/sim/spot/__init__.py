"""Placement policies alone against a spot market: months of it in seconds."""
