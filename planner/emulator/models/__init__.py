"""State and rules of the emulated service; knows nothing of HTTP."""
