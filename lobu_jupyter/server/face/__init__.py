"""The gateway over a network: a person's server without a store is a client of the gateway of a hub's service."""
