"""IDM-01: one event caused the same side effect twice."""
