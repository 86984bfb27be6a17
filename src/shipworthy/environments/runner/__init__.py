"""Runs inside the user's environment, which holds no shipworthy: the standard library, and whatever the lock brings."""
