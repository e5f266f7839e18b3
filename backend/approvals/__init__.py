"""Orders that wait for a person: what they look at, and what they answer."""
