"""Requests over time: read from files, made from a seed, and how long a replica takes for each."""
