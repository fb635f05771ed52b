"""Instances that are processes."""
