"""Looking after the data of a broker: check, backup, report."""
