"""What a picture of one's own shows: who sees it, and how the answer is said."""
