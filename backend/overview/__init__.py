"""The first page: how things stand, what is due, what failed and what to do about it."""
