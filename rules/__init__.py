"""Rules: one folder each, grouped by pitfall."""
