"""Stage: the evidence of a run, its model and the validating reader of untrusted bytes."""
