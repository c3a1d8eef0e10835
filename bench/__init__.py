"""Benchmarks and demonstrations that print figures; nothing in the product imports them."""
