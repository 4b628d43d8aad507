"""Pure functions between a venue's payloads and domain values."""
