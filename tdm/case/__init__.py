"""What the user said, as typed: the case and its entries, regimens, and the one door that reads them."""
