"""What there is to train on: cores, GPUs, nodes, clusters."""
