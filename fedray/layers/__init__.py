"""Server, node and end user: plain classes that know nothing of Ray."""
