"""LAG-07: messages were deleted unread, skipped, or are read again from far back."""
