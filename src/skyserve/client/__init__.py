"""The Python SDK: typed calls to the REST API, and starting the controller on demand."""
