"""Rehearsal: the serving stack under open-loop load, before a model exists and before one is released."""
