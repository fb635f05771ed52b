"""The wire: HTTP in, HTTP out, no rules."""
