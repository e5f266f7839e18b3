"""What we know of the market: contracts and bars kept in the database."""
