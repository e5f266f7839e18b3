"""What every part may use; knows nothing of trading."""
