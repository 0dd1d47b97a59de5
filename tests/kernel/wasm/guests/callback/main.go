// A guest of TinyGo's form: its callback is an export, not a place in a table.
package main

import (
	_ "embed"
	"fmt"
	"os"
	"unsafe"
)

//go:embed kills.bpf.o
var object []byte

//go:wasmimport wasm_bpf wasm_load_bpf_object
func load(buf unsafe.Pointer, size int32) uint64

//go:wasmimport wasm_bpf wasm_attach_bpf_program
func attach(object uint64, name, target unsafe.Pointer) int32

//go:wasmimport wasm_bpf wasm_bpf_map_fd_by_name
func mapFD(object uint64, name unsafe.Pointer) int32

//go:wasmimport callback-wrapper wasm_bpf_buffer_poll
func poll(object uint64, fd int32, ctx, data unsafe.Pointer, size, timeout int32) int32

var (
	room [512]byte
	seen int
)

//go:wasmexport go-callback
func onRecord(_, data, size int32) int32 {
	if uintptr(data) != uintptr(unsafe.Pointer(&room)) || size != 4 {
		fmt.Println("unexpected", data, size)
		os.Exit(3)
	}
	fmt.Println("record", *(*uint32)(unsafe.Pointer(&room)))
	seen++
	return -7 // of no meaning in this form
}

func main() {
	handle := load(unsafe.Pointer(&object[0]), int32(len(object)))
	name, buffer := []byte("on_kill\x00"), []byte("events\x00")
	if handle == 0 || attach(handle, unsafe.Pointer(&name[0]), nil) < 0 {
		os.Exit(1)
	}
	fd := mapFD(handle, unsafe.Pointer(&buffer[0]))
	fmt.Println("ready")
	for seen < 100 {
		if poll(handle, fd, nil, unsafe.Pointer(&room), int32(len(room)), -1) < 0 {
			os.Exit(2)
		}
	}
}
