"""LAG-06: a group keeps moving its partitions about."""
