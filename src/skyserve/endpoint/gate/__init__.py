"""The concurrency gate: no replica gets more requests at once than it may have, and those that are too many queue.

Envoy opens a stream to the gate for each request, and closes it when the request has ended, however it ended. A place
is held for as long as its stream lives, so that the counting cannot drift.
"""
