"""LAG-08: a transaction that nobody ends holds up whoever reads committed messages."""
