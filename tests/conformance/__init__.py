"""Conformance guests for any host of the Wasm interface: README.md."""
