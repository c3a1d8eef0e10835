"""Machines reached over SSH as infras, one a pool."""
