"""What decides: pure functions over values; no Prefect, no sockets, no clock, no files."""
