"""Growth: what will be too small, before it is."""
