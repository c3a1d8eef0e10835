"""Tests of what examples/ promises."""
