"""Trading calendars, sessions and data-quality checks; pure, on the core alone."""
