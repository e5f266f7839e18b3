"""What to run: strategies, their versions, schedules and prompts."""
