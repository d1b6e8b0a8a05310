"""The empirical NTK of networks of finite width."""
