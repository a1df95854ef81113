"""Stage: running foreign code in isolation; one protocol, its backends and the policy as data."""
