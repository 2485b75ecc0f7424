"""SCH-01: a shared schema may change in any way."""
