"""Training, sampling, model files, devices: shared by all domains, whatever their data."""
