"""The endpoint, with the real Envoy."""
