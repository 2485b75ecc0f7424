"""Dead letters: what becomes of messages that cannot be processed."""
