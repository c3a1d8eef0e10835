"""The controller's REST API over a Unix socket."""
