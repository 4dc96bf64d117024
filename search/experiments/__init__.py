"""Planned comparisons of named points, each a study of its own: ablations, the report's tables."""
