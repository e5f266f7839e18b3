"""What we hold: orders, fills, positions and limits. Orders are not placed yet."""
