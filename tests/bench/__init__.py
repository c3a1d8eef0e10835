"""The benchmarks that more than one place relies on."""
