"""Settings and declarations: from files to frozen values."""
