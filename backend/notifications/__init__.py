"""News for people who are not looking: kept first, then sent through the ways they chose."""
