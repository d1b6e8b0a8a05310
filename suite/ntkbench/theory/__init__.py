"""What is predicted: spectra, eigenlearning, learning curves, complexity, dynamics."""
