"""SCH-04: several owners share one table."""
