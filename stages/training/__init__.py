"""How a model learns: the recipe, the network it describes, the loop, the saved model."""
