"""The words: facts, seams, subjects, verdicts, findings. Frozen values, no I/O."""
