"""The addresses of the portal, one file a subject; ``app.create_app`` takes in every ``router``."""
