"""What a satellite's delivery is: a folder or archive of images with their metadata.

``find`` (geodata.delivery.recognise) tells what was handed in; ``Delivery`` is what the rest works with.
"""
