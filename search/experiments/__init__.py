"""Planned comparisons of named points, each a study of its own: ablations."""
