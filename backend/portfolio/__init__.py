"""What we hold and what people allow: orders, books, limits, halts, the equity over time."""
