"""What all pages and the API share: who may do what, error pages, rendering, live events."""
