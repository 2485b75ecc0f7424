"""SVG drawn on the server: pure functions from values to markup, every text escaped."""
