"""The study's record: the one truth about it, in SQLite or PostgreSQL."""
