"""One file per resource: parse, one call of the gateway, reply."""
