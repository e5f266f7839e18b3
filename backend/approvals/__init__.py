"""Orders that wait for a person: shown with their reasons, decided once."""
