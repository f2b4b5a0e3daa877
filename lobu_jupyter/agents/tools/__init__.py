"""The tools of every agent: in the person's kernel, in the server's files, and questions to the person."""
