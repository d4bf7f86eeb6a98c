"""graphrun: computation graphs and neural nets as data."""
