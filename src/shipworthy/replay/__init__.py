"""Replay: a table of past predictions, watched as it would have been, and what other rules would have said of it."""
