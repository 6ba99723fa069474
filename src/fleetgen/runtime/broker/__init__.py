"""Brokers: different programs behind one protocol, Kafka's. A service never knows which one it is."""
