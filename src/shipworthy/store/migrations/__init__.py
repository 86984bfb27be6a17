"""How the ledger's schema came to be, one file a step, run by store.preparation."""
