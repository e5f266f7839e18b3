"""A past execution run again on its record, and two executions held against each other."""
