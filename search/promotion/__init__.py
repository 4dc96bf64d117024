"""From noisy trials to a registered model."""
