"""Schema changes: one file each, both ways."""

REVISIONS = ("0003", "0002", "0001")  #: every revision that this version knows, the newest first; a test compares them
