"""Converter check: does an exported model still compute the layer that it was made from? docs/conversion.md."""
