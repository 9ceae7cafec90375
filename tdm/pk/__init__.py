"""Amounts and concentrations in closed form: sums over doses, laid out as an event table, for a structure."""
