"""The gate: what a model must show before it may answer real traffic. Checks, waivers, the decision."""
