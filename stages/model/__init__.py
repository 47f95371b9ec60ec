"""The model shared by train, evaluate and predict: its recipe, its Keras network, its files."""
