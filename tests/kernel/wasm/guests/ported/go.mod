module example.com/ported

go 1.24

require github.com/cilium/ebpf v0.17.0
