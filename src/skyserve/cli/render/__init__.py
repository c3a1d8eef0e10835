"""Views as text: pure functions, apart from the commands. Colours are ANSI codes; click strips them off a terminal."""
