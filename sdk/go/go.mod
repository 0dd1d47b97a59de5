module eunomia.dev/ebpf

go 1.24
