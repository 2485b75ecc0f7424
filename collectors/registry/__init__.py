"""Schema registries of Confluent's REST interface: so many questions a look and no more; never written to."""
