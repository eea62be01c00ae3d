"""The web application that staff and office open."""
