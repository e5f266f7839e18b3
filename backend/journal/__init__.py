"""What was traded and what it came to: round trips, with their costs and their lineage."""
