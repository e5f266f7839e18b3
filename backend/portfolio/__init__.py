"""What we hold, and what people allow: limits, halts, the equity over time. Orders are to come."""
