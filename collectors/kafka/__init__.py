"""Watches Kafka clusters: read-only, by their own protocol, in a handful of requests a look."""
