"""The audit: records, their chain, what is joined and answered."""
