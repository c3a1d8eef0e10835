"""Tests of skyserve.infra.local."""
