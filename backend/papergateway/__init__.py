"""A Client Portal Gateway that trades on paper: own process, own small world."""
