"""`python -m shipworthy` is the command line."""

from shipworthy.cli import main

if __name__ == "__main__":
    main()
