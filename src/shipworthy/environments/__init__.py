"""The user's environment: built from the lock by uv, the code as it was, and the runner that executes it there."""
