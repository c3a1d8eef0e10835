"""What is measured: each proxy in a file of its own, started and told of its replicas in the same way."""
