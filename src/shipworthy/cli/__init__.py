"""The command line. One file a family of commands; every word it prints, and every exit code, comes from here."""

from shipworthy.cli.ending import ends_with  # isort: skip - before all else that registers itself for the end
from shipworthy.cli.app import main

__all__ = ["ends_with", "main"]
