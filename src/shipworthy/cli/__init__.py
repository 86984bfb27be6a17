"""The command line. One file a family of commands; every word it prints, and every exit code, comes from here."""

from shipworthy.cli.app import main

__all__ = ["main"]
