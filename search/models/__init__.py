"""Registered models: registry, the code that serves them, prediction, the test split's door."""
