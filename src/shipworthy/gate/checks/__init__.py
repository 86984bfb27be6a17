"""One file a check: records in, a verdict with its reason and figures out. Nothing is measured or read here."""
