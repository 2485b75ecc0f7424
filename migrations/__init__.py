"""Schema changes: one file each, both ways."""
