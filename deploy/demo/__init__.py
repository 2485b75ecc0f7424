"""The demo: one small estate, replayed for 25 hours and then living on."""
