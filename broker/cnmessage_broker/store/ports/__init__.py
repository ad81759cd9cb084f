"""What the broker needs of a store, and the records that pass between them."""
