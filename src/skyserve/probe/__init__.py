"""Readiness probes over HTTP."""
