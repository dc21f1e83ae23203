"""Tools that refresh what `slimtorch.tables` knows, from where it can be seen; run by hand in the root folder."""
