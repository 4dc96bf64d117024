"""What people look at: summary, live view, table. Derived from the record."""
