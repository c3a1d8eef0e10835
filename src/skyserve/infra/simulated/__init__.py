"""An infra in memory, on any clock: for tests, the simulator and the contract suite.

world.py holds what there is and the levers to move it; infra.py and shell.py are the contract's view of it.
"""
