"""What to propose and who trains on: pure functions of a study's history."""
