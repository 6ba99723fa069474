"""What an architect would say about a resolved fleet: graph, figures and findings. Reads the model, writes nothing."""
