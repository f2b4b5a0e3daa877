"""Model providers: names, keys, failures and retries."""
