"""What ClickHouse held before and after a change, and the proof that no row was lost (clickhouse.md section 2)."""
