"""Networks of finite width: how far they are from the infinitely wide one, and why."""
