"""From facts to windows: journal, pairing, folding."""
