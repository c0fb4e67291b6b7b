"""The reasons to run: purposes, and the ledger of hours that each permit has left."""
