"""The Wasm host: guests that load, control and process BPF in a sandbox (docs/reference/wasm-interface.md)."""
