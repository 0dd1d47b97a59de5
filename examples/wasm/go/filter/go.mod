module example.com/filter

go 1.24

require eunomia.dev/ebpf v0.0.0

replace eunomia.dev/ebpf => ../../../../sdk/go
