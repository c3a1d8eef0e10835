"""An infra in memory, on any clock: for tests, the simulator and the contract suite."""
