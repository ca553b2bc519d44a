"""What models say as FHIR resources: reports and observations."""
