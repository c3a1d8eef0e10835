"""Tests of skyserve.infra.machine."""
