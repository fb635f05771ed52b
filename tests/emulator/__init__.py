"""The emulator, through the official SDK over loopback, and its rules by themselves."""
