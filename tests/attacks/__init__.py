"""The attack run, `make attacks`: raw peers against a real broker, with honest users beside them."""
