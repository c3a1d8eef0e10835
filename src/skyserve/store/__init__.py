"""State in a database, and the content of workdirs and file mounts."""
