"""What it means: from pixels that differ to cases that are followed until closed."""
