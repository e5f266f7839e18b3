"""Limits and the kill switch, as people see and set them."""
