"""What pages say in other languages: catalogues that people fill, and their compiled form."""
