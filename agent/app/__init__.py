"""The composition root: the only room that knows every other, and names the plugins."""
