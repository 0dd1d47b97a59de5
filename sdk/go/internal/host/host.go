// Package host has the functions of docs/reference/wasm-interface.md with Go's types. Where there is no host (a native build,
// as for unit tests), they are those of Fake.
package host

import (
	"encoding/binary"
	"unsafe"

	"eunomia.dev/ebpf/linux"
)

// What wasm_bpf_map_set, wasm_bpf_program_set, wasm_bpf_map_operate and wasm_bpf_map_batch are asked to do.
const (
	SetMaxEntries = 1
	SetType       = 3
	SetKeySize    = 4
	SetValueSize  = 5
	SetFlags      = 6

	SetAutoload    = 1
	SetProgramType = 2
	SetAttachType  = 3

	Lookup          = 1
	Update          = 2
	Delete          = 3
	NextKey         = 4
	LookupAndDelete = 21
	Freeze          = 22
	BatchLookup     = 24
	BatchLookupDel  = 25
	BatchUpdate     = 26
	BatchDelete     = 27
)

const mapRecord, programRecord = 160, 272

// Map is a record of wasm_bpf_map_info.
type Map struct {
	Type, KeySize, ValueSize, MaxEntries, Flags uint32
	FD                                          int32
	CPUs                                        uint32
	IsMmapable                                  bool
	Name, Section                               string
}

// Program is a record of wasm_bpf_program_info.
type Program struct {
	Type, AttachType, Instructions uint32
	Autoload                       bool
	Name, Section                  string
}

// Check returns the error that a negative answer stands for.
func Check(answer int32) error {
	if answer < 0 {
		return linux.Errno(-answer)
	}
	return nil
}

// Error returns the host's line about the last failure, "" if it has none.
func Error() string {
	line := make([]byte, 512)
	length := lastError(start(line), uint32(len(line)))
	if int(length) >= len(line) {
		line = make([]byte, length+1)
		length = lastError(start(line), uint32(len(line)))
	}
	if length <= 0 {
		return ""
	}
	return string(line[:min(int(length), len(line)-1)])
}

// Open gives an object to the host, 0 if it refuses.
func Open(elf []byte, name string) uint64 {
	return objectOpen(start(elf), uint32(len(elf)), text(name))
}

// Load loads an object.
func Load(obj uint64) int32 { return objectLoad(obj) }

// Close detaches and frees an object.
func Close(obj uint64) int32 { return objectClose(obj) }

// MapInfo returns what the host knows of the map with this index.
func MapInfo(obj uint64, index int) (Map, error) {
	var raw [mapRecord]byte
	if err := Check(mapInfo(obj, uint32(index), unsafe.Pointer(&raw), mapRecord)); err != nil {
		return Map{}, err
	}
	return parseMap(raw[:]), nil
}

func parseMap(raw []byte) Map {
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(raw[4*i:]) }
	return Map{
		Type: word(0), KeySize: word(1), ValueSize: word(2), MaxEntries: word(3), Flags: word(4), FD: int32(word(5)),
		CPUs: word(6), IsMmapable: word(7) != 0, Name: cString(raw[32:96]), Section: cString(raw[96:160]),
	}
}

// ProgramInfo returns what the host knows of the program with this index.
func ProgramInfo(obj uint64, index int) (Program, error) {
	var raw [programRecord]byte
	if err := Check(programInfo(obj, uint32(index), unsafe.Pointer(&raw), programRecord)); err != nil {
		return Program{}, err
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(raw[4*i:]) }
	return Program{word(0), word(1), word(2), word(3) != 0, cString(raw[16:144]), cString(raw[144:272])}, nil
}

// SetMap changes a map before load.
func SetMap(obj uint64, name string, what int32, value uint64) int32 {
	return mapSet(obj, text(name), what, value)
}

// SetProgram changes a program before load.
func SetProgram(obj uint64, name string, what int32, value uint64) int32 {
	return programSet(obj, text(name), what, value)
}

// ProgramFD returns the descriptor of a loaded program.
func ProgramFD(obj uint64, name string) int32 { return programFD(obj, text(name)) }

// Bind says before load what a program attaches to.
func Bind(obj uint64, name, target string) int32 { return programBind(obj, text(name), text(target)) }

// Initial reads or writes the initial bytes of a section's map.
func Initial(obj uint64, name string, offset uint32, buf []byte, write bool) int32 {
	return mapInitial(obj, text(name), offset, start(buf), uint32(len(buf)), flag(write))
}

// Operate does one command on a map.
func Operate(fd, cmd int32, key, value, next []byte, flags uint64) int32 {
	return mapOperate(fd, cmd, start(key), start(value), start(next), flags)
}

// Batch does a command on many elements.
func Batch(fd, cmd int32, in, out, keys, values []byte, count *uint32, flags uint64) int32 {
	return mapBatch(fd, cmd, start(in), start(out), start(keys), start(values), unsafe.Pointer(count), flags)
}

// Mmap puts a map's memory in the place of buf, which begins at a multiple of 4096.
func Mmap(fd int32, buf []byte) int32 { return mapMmap(fd, start(buf), uint32(len(buf))) }

// Munmap makes buf ordinary memory again.
func Munmap(buf []byte) int32 { return mapMunmap(start(buf), uint32(len(buf))) }

// Attach attaches a program; the number of the link.
func Attach(obj uint64, name, target string) int32 { return linkAttach(obj, text(name), text(target)) }

// Detach undoes a link.
func Detach(link int32) int32 { return linkDetach(link) }

// PollBatch takes records of a buffer.
func PollBatch(fd int32, data []byte, timeoutMs int32) int32 {
	return bufferPollBatch(fd, start(data), uint32(len(data)), timeoutMs)
}

// Wait waits until one of several buffers has records.
func Wait(fds []int32, timeoutMs int32) int32 {
	return buffersWait(unsafe.Pointer(unsafe.SliceData(fds)), uint32(len(fds)), timeoutMs)
}

// Lost returns how many records a buffer lost.
func Lost(fd int32) int64 { return bufferLost(fd) }

// PossibleCPUs returns the number of possible CPUs.
func PossibleCPUs() int32 { return possibleCPUs() }

// TakeSignal returns a signal that came, 0 if none did. A guest that refers to this handles signals itself.
func TakeSignal() int32 { return takeSignal() }

// TestRun lets the kernel call a program.
func TestRun(obj uint64, name string, in, out []byte, repeat uint32) (result, nanoseconds uint32, answer int32) {
	var both [2]uint32
	answer = programTestRun(obj, text(name), start(in), uint32(len(in)), start(out), uint32(len(out)), repeat, unsafe.Pointer(&both))
	return both[0], both[1], answer
}

// Symbol writes name+0xoffset of an address to buf.
func Symbol(pid int32, address uint64, buf []byte) int32 {
	return symbol(pid, address, start(buf), uint32(len(buf)))
}

// Probe asks what the kernel has.
func Probe(what int32, name string) int32 { return probe(what, text(name)) }

func start(bytes []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(bytes)) }

// text returns a string with its NUL, nil for "", which is none.
func text(s string) unsafe.Pointer {
	if s == "" {
		return nil
	}
	return start(append([]byte(s), 0))
}

func flag(is bool) int32 {
	if is {
		return 1
	}
	return 0
}

func cString(raw []byte) string {
	for i, c := range raw {
		if c == 0 {
			return string(raw[:i])
		}
	}
	return string(raw)
}
