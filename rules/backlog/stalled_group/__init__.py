"""LAG-02: messages wait, and no commit comes."""
