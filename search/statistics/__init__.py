"""How good is a winner really? Pure functions of predictions and scores."""
