"""DLQ-01: failing messages have nowhere to go."""
