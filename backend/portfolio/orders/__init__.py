"""Our own orders: kept before they go out, followed until they are done."""
