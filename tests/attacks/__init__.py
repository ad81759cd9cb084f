"""Attacks on the product, and the peers that carry them out."""
