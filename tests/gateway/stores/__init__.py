"""Work on whole stores: check, upgrade, copy."""
