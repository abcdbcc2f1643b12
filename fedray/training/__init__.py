"""Local training of one user."""
