"""What runs Seamwatch elsewhere: demo, and later packages for containers."""
