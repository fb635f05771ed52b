"""Where histories come from: one source a file."""
