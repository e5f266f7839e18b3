"""How one execution runs, without a database."""
