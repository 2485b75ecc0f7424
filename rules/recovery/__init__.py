"""Recovery: what is left when a part fails."""
