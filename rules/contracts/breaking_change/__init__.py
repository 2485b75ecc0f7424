"""SCH-02: a version of a schema breaks its readers."""
