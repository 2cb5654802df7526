"""A zoo of broken differentially private training: each variant with its exact leak and the audit that catches it."""
