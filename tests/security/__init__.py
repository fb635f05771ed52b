"""What must not leak, and where nothing must be sent."""
