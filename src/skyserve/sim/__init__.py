"""Simulated worlds, in which decisions are proven before they spend money."""
