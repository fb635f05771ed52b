"""The files of `deploy/` say what exists."""
