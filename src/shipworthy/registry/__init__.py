"""Releases: immutable, numbered, signed; the aliases over them; and the names by which everything is found."""
