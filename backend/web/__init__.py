"""What all pages and the API share: keys, error pages, rendering, health."""
