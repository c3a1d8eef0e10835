"""The real controller, store and planner, for hours of virtual time, in worlds where everything goes wrong that can.

One number, the seed, decides all that happens; what must hold nevertheless is in `invariants`.
"""
