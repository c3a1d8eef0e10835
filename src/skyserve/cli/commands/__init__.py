"""One file a command. Each imports what is costly only when it runs."""
