"""Paint the style plates that the package ships."""
