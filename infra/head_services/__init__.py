"""What `infra/services` is made of; it runs with the Python that MLflow is installed in."""
