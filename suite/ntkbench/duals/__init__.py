"""Covariances of wide features: dual activations, Hermite series, and the quadrature behind them."""
