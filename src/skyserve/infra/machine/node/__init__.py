"""The machine-side tool: what has to happen on the machine that holds the replicas.

Standard library only, Python 3.8 or newer, since it runs on whatever Python a machine has. bundle.py packs it into
one file. Nothing of it stays running but one small process a node (keeper.py).
"""
