"""Whether what one schema writes can be read with another: pure, bounded, never raising on what a registry holds."""
