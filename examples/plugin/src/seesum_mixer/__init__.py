"""A network of patches and an adder that moves the digit, for seesum."""
