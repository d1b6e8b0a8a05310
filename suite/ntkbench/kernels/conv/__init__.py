"""The kernels of convolutional ReLU networks, on each library its own way."""
