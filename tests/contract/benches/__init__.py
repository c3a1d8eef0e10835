"""One module an infra: how it is had for a test, and how it is mistreated."""
