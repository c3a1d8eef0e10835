"""How the database came to its present shape: one file a step, run when a store is opened.

A step that is released is never edited. A new one is a new file in `versions`, and `schema.py` is brought along;
a test compares the two.
"""
