"""The kernels of fully connected ReLU networks, and the network that all ReLU kernels are of."""
