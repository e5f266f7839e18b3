"""Following accounts for good: stream, readings, books, and what is looked at beside them."""
