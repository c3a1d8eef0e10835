"""What the user asked for: YAML text to a validated task; errors with file, line, key, reason, remedy."""
