module example.com/@NAME@

go 1.24

require eunomia.dev/ebpf v0.0.0

// `ecc build-wasm` finds the SDK by itself; this is for `go build` and editors.
replace eunomia.dev/ebpf => @SDK@/go
