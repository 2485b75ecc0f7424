"""IDM-02: nothing shows that a handler recognises a message it has had."""
