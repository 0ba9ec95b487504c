"""Record what a host and a server say to each other, or what a model answers, and play it back without a network or a key."""
