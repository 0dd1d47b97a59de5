"""The package format: model, codec, validation, options from globals."""
