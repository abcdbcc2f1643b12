"""Witnessing: remembering a log's last head, and signing only what continues it (C2SP tlog-witness)."""
