"""The health check: what only it asks, its rules, what it remembers, and its report."""
