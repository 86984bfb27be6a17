"""Counts: bins frozen at training, and exact integer counts of every window, which merge by addition."""
