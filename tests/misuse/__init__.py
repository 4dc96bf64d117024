"""What users' code, data and machines do to the service, tried by its real commands."""
