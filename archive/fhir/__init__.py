"""The FHIR R4 door: resources read and searched, inside the asker's rights."""
