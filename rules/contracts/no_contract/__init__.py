"""SCH-03: a shared topic without a schema."""
