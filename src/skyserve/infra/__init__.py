"""Where replicas run: one package an infra, each keeping contracts/infra.py."""
