"""The loop: observe -> plan -> write intent -> act -> record."""
