"""Report what the ledger says: what was spent, on what, and what is left of the budget."""
