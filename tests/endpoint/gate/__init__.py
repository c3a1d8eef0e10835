"""The gate, without Envoy."""
