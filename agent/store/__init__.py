"""The only SQL: schema, writers, readers."""
