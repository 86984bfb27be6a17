"""A model that a team already has: what it takes, what its record lacks, and what to do next. Pure."""
