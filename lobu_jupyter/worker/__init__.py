"""The worker process: agents, and their code in the person's kernel. It knows the gateway only over HTTP."""
