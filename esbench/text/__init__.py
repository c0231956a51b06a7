"""Language models of integers only: a text, the network, its loss, and the problem that these are."""
