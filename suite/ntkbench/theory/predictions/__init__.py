"""What trained networks predict: posteriors, ensembles, and training by any loss."""
