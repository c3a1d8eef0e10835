"""The nouns of the system: frozen values without behaviour beyond what they mean."""
