"""The whole system on real parts: what must not be lost when something dies."""
