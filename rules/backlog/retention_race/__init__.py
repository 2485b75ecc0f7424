"""LAG-04: messages will be deleted before they are read."""
