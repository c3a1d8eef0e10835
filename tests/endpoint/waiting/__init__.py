"""The parts of the waiting room that need no Envoy."""
