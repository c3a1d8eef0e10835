"""The real planner in a world of events: days of a service in seconds, without a controller and without a database."""
