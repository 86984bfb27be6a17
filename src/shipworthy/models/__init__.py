"""Models: the bundle, its runtimes and their equality, metrics, and the one path by which anything predicts."""
