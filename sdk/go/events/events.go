// Package events is for guests that stand between a tool and its output: `ecli run --guest FILE.wasm TOOL`. Such a guest is
// called, and does not run by itself: Handle in an init function, an empty main. It has no BPF of its own.
package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"eunomia.dev/ebpf/linux"
)

// Verdict is what becomes of an event.
type Verdict int32

// An event goes no further; it goes on; it goes on as its Record is now.
const (
	Drop Verdict = iota
	Pass
	Changed
)

// Event is an event on its way, valid in the call. Its record has the layout that `ecc gen skeleton --types only` writes down.
type Event struct {
	Record []byte // it keeps its size
	Source uint32 // which buffer it came from: SourceName
	Type   uint32 // which of that buffer's types it is

	index uint32
}

// Handlers are what is called. Only Event is needed.
type Handlers struct {
	Start    func() error // before anything is attached; an error ends the run
	Event    func(*Event) Verdict
	Interval func() // each second, or as Every said
	End      func() // behind the last event; what it is given can Emit
}

var handlers Handlers

// Handle says what is called. Once, in an init function.
func Handle(h Handlers) { handlers = h }

const head = 16 // u32 size, source, type; i32 verdict

// walk calls the handler for each event of a batch, and writes the verdicts.
func walk(batch []byte, handle func(*Event) Verdict) error {
	if handle == nil {
		return errors.New("events.Handle was not called in an init function, or without Event")
	}
	var event Event
	for at := 0; at+head <= len(batch); event.index++ {
		size := int(binary.LittleEndian.Uint32(batch[at:]))
		if size > len(batch)-at-head {
			return fmt.Errorf("a record of %d bytes in a batch of less: %w", size, linux.EIO)
		}
		event.Record = batch[at+head : at+head+size : at+head+size]
		event.Source, event.Type = binary.LittleEndian.Uint32(batch[at+4:]), binary.LittleEndian.Uint32(batch[at+8:])
		binary.LittleEndian.PutUint32(batch[at+12:], uint32(handle(&event)))
		at += head + (size+7)&^7
	}
	return nil
}

// AddText adds a member to the event's line.
func (e *Event) AddText(key, value string) error {
	return check(addText(e.index, start(key), uint32(len(key)), start(value), uint32(len(value))), "add "+key)
}

// AddNumber adds a member to the event's line.
func (e *Event) AddNumber(key string, value int64) error {
	return check(addNumber(e.index, start(key), uint32(len(key)), value), "add "+key)
}

// Emit adds an event of a source ahead of this one.
func (e *Event) Emit(source uint32, record []byte) error {
	return check(emit(e.index, source, unsafe.Pointer(unsafe.SliceData(record)), uint32(len(record))), "emit")
}

// Emit adds an event. It is for Interval and End.
func Emit(source uint32, record []byte) error { return (&Event{}).Emit(source, record) }

// SourceName returns the name of a source's map; ENOENT behind the last.
func SourceName(source uint32) (string, error) {
	var name [128]byte
	answer := sourceName(source, unsafe.Pointer(&name), uint32(len(name)))
	return linux.ByteSliceToString(name[:]), check(answer, "name of a source")
}

// Every says how often Interval is called. It is for Start.
func Every(interval time.Duration) error {
	return check(every(uint32(interval.Milliseconds())), "every")
}

func check(answer int32, what string) error {
	if answer < 0 {
		return fmt.Errorf("%s: %w", what, linux.Errno(-answer))
	}
	return nil
}

func start(text string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(text)) }

func failed(err error) int32 {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return -1
}
