"""Examples, how they are divided over users, and how users commit to them."""
