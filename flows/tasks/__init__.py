"""Every task: one verb, one block, one call; retries and time-outs are written here only."""
