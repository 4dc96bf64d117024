"""Where files lie, and how they are kept so that every node reaches them."""
