"""Instances that are real: processes on this machine, and the way of requests to them."""
