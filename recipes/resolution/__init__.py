"""What a recipe does not say is decided by rules from facts of the data (docs/decisions/0012)."""
