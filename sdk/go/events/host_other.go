//go:build !wasip1

package events

import (
	"unsafe"

	"eunomia.dev/ebpf/linux"
)

// There is no host in a native build.
const none = -int32(linux.ENOSYS)

func addText(uint32, unsafe.Pointer, uint32, unsafe.Pointer, uint32) int32 { return none }
func addNumber(uint32, unsafe.Pointer, uint32, int64) int32                { return none }
func emit(uint32, uint32, unsafe.Pointer, uint32) int32                    { return none }
func sourceName(uint32, unsafe.Pointer, uint32) int32                      { return none }
func every(uint32) int32                                                   { return none }
