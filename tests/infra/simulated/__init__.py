"""Tests of skyserve.infra.simulated."""
