"""Monitoring: is the world still the one the model was trained on? Evidence, alarms, and quality from labels."""
