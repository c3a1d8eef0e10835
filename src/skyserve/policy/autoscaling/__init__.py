"""How many replicas the load calls for: one small file a policy, and what is common to all."""
