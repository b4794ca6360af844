"""First contact in values: shapes, scripts, unknowns and the page."""
