"""The command sky: one file a command; rendering apart."""
