"""First contact: what a cluster that nobody here has seen answers, as values and as one page that tells no secret."""
