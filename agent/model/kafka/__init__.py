"""What a Kafka cluster showed at one look, and the facts that follow from it: the same live and of a recording."""
