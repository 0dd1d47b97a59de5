//go:build wasip1

package host

import "unsafe"

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_error
func lastError(buf unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_object_open
func objectOpen(elf unsafe.Pointer, size uint32, name unsafe.Pointer) uint64

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_object_load
func objectLoad(obj uint64) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_close_bpf_object
func objectClose(obj uint64) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_map_info
func mapInfo(obj uint64, index uint32, out unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_program_info
func programInfo(obj uint64, index uint32, out unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_map_set
func mapSet(obj uint64, name unsafe.Pointer, what int32, value uint64) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_program_set
func programSet(obj uint64, name unsafe.Pointer, what int32, value uint64) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_program_fd_by_name
func programFD(obj uint64, name unsafe.Pointer) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_program_bind
func programBind(obj uint64, name, target unsafe.Pointer) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_map_initial
func mapInitial(obj uint64, name unsafe.Pointer, offset uint32, buf unsafe.Pointer, size uint32, write int32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_map_operate
func mapOperate(fd, cmd int32, key, value, next unsafe.Pointer, flags uint64) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_map_batch
func mapBatch(fd, cmd int32, in, out, keys, values, count unsafe.Pointer, flags uint64) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_map_mmap
func mapMmap(fd int32, at unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_map_munmap
func mapMunmap(at unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_link_attach
func linkAttach(obj uint64, name, target unsafe.Pointer) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_link_detach
func linkDetach(link int32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_buffer_poll_batch
func bufferPollBatch(fd int32, data unsafe.Pointer, size uint32, timeoutMs int32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_buffers_wait
func buffersWait(fds unsafe.Pointer, count uint32, timeoutMs int32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_buffer_lost
func bufferLost(fd int32) int64

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_possible_cpus
func possibleCPUs() int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_take_signal
func takeSignal() int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_program_test_run
func programTestRun(obj uint64, name, in unsafe.Pointer, inLen uint32, out unsafe.Pointer, outLen uint32, repeat uint32, result unsafe.Pointer) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_symbol
func symbol(pid int32, address uint64, buf unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport wasm_bpf wasm_bpf_probe
func probe(what int32, name unsafe.Pointer) int32
