"""The words that join the towers of `lite`: what people do with the things in a picture."""
