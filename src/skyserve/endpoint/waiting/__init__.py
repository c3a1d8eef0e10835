"""Requests that wait: for a replica, or for a place at one."""
