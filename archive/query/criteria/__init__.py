"""Searches in FHIR's terms on the archive's rows: criteria in, rows out, inside the rights."""
