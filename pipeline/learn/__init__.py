"""Change learned from places whose truth is known: features of both dates → a small head."""
