"""What became of every change: one record each, chained to the one before, joined with what Prefect and hosts tell."""
