"""PostgreSQL, Redis and the supervisor behind `glassbox up`; knows only the core."""
