"""Search spaces: Optuna, define-by-run; a reason beside each range."""
