"""Function Compute: the port, its adapter to the official SDK, and an in-memory one for tests and demos."""
