"""What is kept: the ports, and a backend in each of the other folders."""
