"""Governance: who answers for a workflow."""
