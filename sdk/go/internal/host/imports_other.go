//go:build !wasip1

package host

import (
	"encoding/binary"
	"unsafe"

	"eunomia.dev/ebpf/linux"
)

// Fake answers in the place of a host in native builds. Functions that are nil answer ENOSYS.
var Fake struct {
	Error        func() string
	Open         func(elf []byte, name string) uint64
	Load         func(obj uint64) int32
	Close        func(obj uint64) int32
	Maps         func(obj uint64) []Map
	Programs     func(obj uint64) []Program
	SetMap       func(obj uint64, name string, what int32, value uint64) int32
	SetProgram   func(obj uint64, name string, what int32, value uint64) int32
	ProgramFD    func(obj uint64, name string) int32
	Bind         func(obj uint64, name, target string) int32
	Initial      func(obj uint64, name string, offset uint32, buf []byte, write bool) int32
	Sizes        func(fd int32) (key, value int) // value: of all CPUs
	Operate      func(fd, cmd int32, key, value, next []byte, flags uint64) int32
	Batch        func(fd, cmd int32, in, out, keys, values unsafe.Pointer, count *uint32, flags uint64) int32
	Attach       func(obj uint64, name, target string) int32
	Detach       func(link int32) int32
	PollBatch    func(fd int32, data []byte, timeoutMs int32) int32
	Wait         func(fds []int32, timeoutMs int32) int32
	Lost         func(fd int32) int64
	TakeSignal   func() int32
	Probe        func(what int32, name string) int32
	PossibleCPUs int32
}

const none = -int32(linux.ENOSYS)

func lastError(buf unsafe.Pointer, size uint32) int32 {
	if Fake.Error == nil {
		return 0
	}
	line := Fake.Error()
	copy(unsafe.Slice((*byte)(buf), size-1), line)
	return int32(len(line))
}

func objectOpen(elf unsafe.Pointer, size uint32, name unsafe.Pointer) uint64 {
	if Fake.Open == nil {
		return 0
	}
	return Fake.Open(unsafe.Slice((*byte)(elf), size), back(name))
}

func objectLoad(obj uint64) int32 {
	if Fake.Load == nil {
		return none
	}
	return Fake.Load(obj)
}

func objectClose(obj uint64) int32 {
	if Fake.Close == nil {
		return none
	}
	return Fake.Close(obj)
}

func mapInfo(obj uint64, index uint32, out unsafe.Pointer, size uint32) int32 {
	if Fake.Maps == nil {
		return none
	}
	all := Fake.Maps(obj)
	if int(index) >= len(all) {
		return -int32(linux.ENOENT)
	}
	m := all[index]
	words := []uint32{m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, uint32(m.FD), m.CPUs, uint32(flag(m.IsMmapable))}
	record(unsafe.Slice((*byte)(out), size), words, 64, m.Name, m.Section)
	return mapRecord
}

func programInfo(obj uint64, index uint32, out unsafe.Pointer, size uint32) int32 {
	if Fake.Programs == nil {
		return none
	}
	all := Fake.Programs(obj)
	if int(index) >= len(all) {
		return -int32(linux.ENOENT)
	}
	p := all[index]
	words := []uint32{p.Type, p.AttachType, p.Instructions, uint32(flag(p.Autoload))}
	record(unsafe.Slice((*byte)(out), size), words, 128, p.Name, p.Section)
	return programRecord
}

func record(out []byte, words []uint32, width int, texts ...string) {
	for i, word := range words {
		binary.LittleEndian.PutUint32(out[4*i:], word)
	}
	for i, text := range texts {
		copy(out[4*len(words)+i*width:], text)
	}
}

func mapSet(obj uint64, name unsafe.Pointer, what int32, value uint64) int32 {
	if Fake.SetMap == nil {
		return none
	}
	return Fake.SetMap(obj, back(name), what, value)
}

func programSet(obj uint64, name unsafe.Pointer, what int32, value uint64) int32 {
	if Fake.SetProgram == nil {
		return none
	}
	return Fake.SetProgram(obj, back(name), what, value)
}

func programFD(obj uint64, name unsafe.Pointer) int32 {
	if Fake.ProgramFD == nil {
		return none
	}
	return Fake.ProgramFD(obj, back(name))
}

func programBind(obj uint64, name, target unsafe.Pointer) int32 {
	if Fake.Bind == nil {
		return none
	}
	return Fake.Bind(obj, back(name), back(target))
}

func mapInitial(obj uint64, name unsafe.Pointer, offset uint32, buf unsafe.Pointer, size uint32, write int32) int32 {
	if Fake.Initial == nil {
		return none
	}
	return Fake.Initial(obj, back(name), offset, unsafe.Slice((*byte)(buf), size), write != 0)
}

func mapOperate(fd, cmd int32, key, value, next unsafe.Pointer, flags uint64) int32 {
	if Fake.Operate == nil {
		return none
	}
	keySize, valueSize := Fake.Sizes(fd)
	return Fake.Operate(fd, cmd, span(key, keySize), span(value, valueSize), span(next, keySize), flags)
}

func mapBatch(fd, cmd int32, in, out, keys, values, count unsafe.Pointer, flags uint64) int32 {
	if Fake.Batch == nil {
		return none
	}
	return Fake.Batch(fd, cmd, in, out, keys, values, (*uint32)(count), flags)
}

func mapMmap(int32, unsafe.Pointer, uint32) int32 { return -int32(linux.ENOTSUP) }

func mapMunmap(unsafe.Pointer, uint32) int32 { return none }

func linkAttach(obj uint64, name, target unsafe.Pointer) int32 {
	if Fake.Attach == nil {
		return none
	}
	return Fake.Attach(obj, back(name), back(target))
}

func linkDetach(link int32) int32 {
	if Fake.Detach == nil {
		return none
	}
	return Fake.Detach(link)
}

func bufferPollBatch(fd int32, data unsafe.Pointer, size uint32, timeoutMs int32) int32 {
	if Fake.PollBatch == nil {
		return none
	}
	return Fake.PollBatch(fd, unsafe.Slice((*byte)(data), size), timeoutMs)
}

func buffersWait(fds unsafe.Pointer, count uint32, timeoutMs int32) int32 {
	if Fake.Wait == nil {
		return none
	}
	return Fake.Wait(unsafe.Slice((*int32)(fds), count), timeoutMs)
}

func bufferLost(fd int32) int64 {
	if Fake.Lost == nil {
		return int64(none)
	}
	return Fake.Lost(fd)
}

func possibleCPUs() int32 {
	if Fake.PossibleCPUs == 0 {
		return none
	}
	return Fake.PossibleCPUs
}

func takeSignal() int32 {
	if Fake.TakeSignal == nil {
		return 0
	}
	return Fake.TakeSignal()
}

func programTestRun(uint64, unsafe.Pointer, unsafe.Pointer, uint32, unsafe.Pointer, uint32, uint32, unsafe.Pointer) int32 {
	return none
}

func symbol(int32, uint64, unsafe.Pointer, uint32) int32 { return none }

func probe(what int32, name unsafe.Pointer) int32 {
	if Fake.Probe == nil {
		return none
	}
	return Fake.Probe(what, back(name))
}

func span(at unsafe.Pointer, size int) []byte {
	if at == nil {
		return nil
	}
	return unsafe.Slice((*byte)(at), size)
}

func back(at unsafe.Pointer) string {
	if at == nil {
		return ""
	}
	length := 0
	for *(*byte)(unsafe.Add(at, length)) != 0 {
		length++
	}
	return string(unsafe.Slice((*byte)(at), length))
}
