"""What the machine decided, and what the market did afterwards."""
