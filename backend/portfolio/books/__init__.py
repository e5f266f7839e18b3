"""Our books: what was filled, what we should hold by it, and where the broker says otherwise."""
