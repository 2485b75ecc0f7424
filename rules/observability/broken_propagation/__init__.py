"""TRC-01: traces break at a seam."""
