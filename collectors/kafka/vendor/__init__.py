"""Message definitions of Apache Kafka 4.3.1, whole, with its licence: those that kafka-python does not have yet."""
