"""Predictions on their way: ids, the log a worker writes before it answers, and its reader."""
