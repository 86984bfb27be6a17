"""State: the ledger (SQL, append-only records and a few counters), objects (files by digest), and where they lie."""
