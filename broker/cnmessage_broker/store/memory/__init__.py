"""The store as a reference model."""
