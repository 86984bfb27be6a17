"""A serving worker. Its import graph holds no SQL, no training and no durable workflow (a test asserts it)."""

import sys

from shipworthy.serving.worker import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
