//go:build wasip1

package events

import "unsafe"

var room []uint64 // where the host puts events, at a multiple of 8

//go:wasmexport event_buffer
func eventBuffer(size uint32) unsafe.Pointer {
	if uint64(len(room))*8 < uint64(size) {
		room = make([]uint64, (uint64(size)+7)/8)
	}
	return unsafe.Pointer(unsafe.SliceData(room))
}

//go:wasmexport on_batch
func onBatch(batch unsafe.Pointer, size uint32) int32 {
	return failed(walk(unsafe.Slice((*byte)(batch), size), handlers.Event))
}

//go:wasmexport on_start
func onStart() int32 {
	if handlers.Start == nil {
		return 0
	}
	return failed(handlers.Start())
}

//go:wasmexport on_interval
func onInterval() int32 {
	if handlers.Interval != nil {
		handlers.Interval()
	}
	return 0
}

//go:wasmexport on_end
func onEnd() int32 {
	if handlers.End != nil {
		handlers.End()
	}
	return 0
}

//go:noescape
//go:wasmimport eunomia add_text
func addText(event uint32, key unsafe.Pointer, keySize uint32, value unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport eunomia add_number
func addNumber(event uint32, key unsafe.Pointer, keySize uint32, value int64) int32

//go:noescape
//go:wasmimport eunomia emit
func emit(event, source uint32, record unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport eunomia source_name
func sourceName(source uint32, name unsafe.Pointer, size uint32) int32

//go:noescape
//go:wasmimport eunomia every
func every(ms uint32) int32
