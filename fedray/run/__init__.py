"""A run from recipe to result: folder, checkpoints, engine, events."""
