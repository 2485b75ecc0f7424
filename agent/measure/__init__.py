"""Pure numbers: statistics that rules share."""
