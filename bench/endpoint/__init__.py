"""The endpoint measured beside other proxies, on one machine, in one run."""
