"""What a graph and the runtime that feeds it have agreed on."""

NULL_TEXT = "␀"  # a null in a string tensor; no text that a caller sends: "" is a category of its own
NUMBERS = ":numbers"  # a tensor (n, k) of all numeric features, which the model's metadata of that name lists as JSON
EXACT = "exact"  # how a graph came about: written by us, in double precision
CONVERTED = "skl2onnx"


class Unsupported(Exception):
    """This model has something that cannot be written in that way; the message says what."""
