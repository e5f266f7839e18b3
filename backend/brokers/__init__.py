"""What we ask of a broker, and the brokers that answer."""
