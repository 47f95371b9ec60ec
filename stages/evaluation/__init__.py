"""What a result is: probabilities, scores and the tables made of them."""
