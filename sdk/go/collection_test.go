//go:build !wasip1

package ebpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"eunomia.dev/ebpf/internal/host"
)

// object is a small ELF with one variable `limit` of 4 bytes at 8 in .rodata.
func object() []byte {
	names := "\x00.rodata\x00.symtab\x00.strtab\x00"
	texts := "\x00limit\x00"
	symbols := make([]byte, 2*sizeOfSymbol)
	s := symbols[sizeOfSymbol:]
	binary.LittleEndian.PutUint32(s, 1)
	s[4] = typeObject
	binary.LittleEndian.PutUint16(s[6:], 1)
	binary.LittleEndian.PutUint64(s[8:], 8)
	binary.LittleEndian.PutUint64(s[16:], 4)
	bodies := []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x00", string(symbols), texts, names}
	heads := [][3]uint32{{0, 0, 0}, {1, 1, 0}, {9, sectionSymbols, 3}, {17, 3, 0}, {0, 3, 0}}
	elf := make([]byte, sizeOfHeader)
	copy(elf, "\x7fELF\x02\x01\x01")
	var table []byte
	for i, body := range bodies {
		head := make([]byte, sizeOfSection)
		binary.LittleEndian.PutUint32(head, heads[i][0])
		binary.LittleEndian.PutUint32(head[4:], heads[i][1])
		binary.LittleEndian.PutUint64(head[24:], uint64(len(elf)))
		binary.LittleEndian.PutUint64(head[32:], uint64(len(body)))
		binary.LittleEndian.PutUint32(head[40:], heads[i][2])
		elf, table = append(elf, body...), append(table, head...)
	}
	binary.LittleEndian.PutUint64(elf[40:], uint64(len(elf)))
	binary.LittleEndian.PutUint16(elf[60:], uint16(len(bodies)))
	binary.LittleEndian.PutUint16(elf[62:], 4)
	return append(elf, table...)
}

// kernel is a host that loads the object above with a program and a map, and writes down what it was asked.
func kernel(t *testing.T) *[]string {
	asked := &[]string{}
	say := func(format string, args ...any) { *asked = append(*asked, fmt.Sprintf(format, args...)) }
	handles, isLoaded := uint64(0), false
	host.Fake.Open = func([]byte, string) uint64 { handles++; say("open"); return handles }
	host.Fake.Load = func(uint64) int32 { say("load"); isLoaded = true; return 0 }
	host.Fake.Close = func(obj uint64) int32 { say("close %d", obj); return 0 }
	host.Fake.Maps = func(uint64) []host.Map {
		maps := []host.Map{
			{Type: uint32(Array), KeySize: 4, ValueSize: 12, MaxEntries: 1, FD: -1, Name: "x.rodata", Section: ".rodata"},
			{Type: uint32(Hash), KeySize: 4, ValueSize: 4, MaxEntries: 10, FD: -1, Name: "counts"},
		}
		if isLoaded {
			maps[0].FD, maps[1].FD = 1, 2
		}
		return maps
	}
	host.Fake.Programs = func(uint64) []host.Program {
		return []host.Program{{Type: uint32(TracePoint), Autoload: true, Name: "on_exec", Section: "tp/sched/sched_process_exec"}}
	}
	host.Fake.SetMap = func(_ uint64, name string, what int32, value uint64) int32 {
		say("map %s %d=%d", name, what, value)
		return 0
	}
	host.Fake.SetProgram = func(_ uint64, name string, what int32, value uint64) int32 {
		say("program %s %d=%d", name, what, value)
		return 0
	}
	host.Fake.Initial = func(_ uint64, name string, offset uint32, buf []byte, write bool) int32 {
		if write {
			say("initial %s+%d=%x", name, offset, buf)
			return 0
		}
		copy(buf, "\x2a\x00\x00\x00")
		return 0
	}
	return asked
}

func TestAChangedSpecIsWhatIsLoaded(t *testing.T) {
	asked := kernel(t)
	spec, err := LoadCollectionSpecFromReader(bytes.NewReader(object()))
	if err != nil {
		t.Fatal(err)
	}
	var limit uint32
	if err := spec.Variables["limit"].Get(&limit); err != nil || limit != 42 {
		t.Fatal(limit, err)
	}

	spec.Maps["counts"].MaxEntries = 99
	if err := spec.RewriteConstants(map[string]any{"limit": uint32(7)}); err != nil {
		t.Fatal(err)
	}
	c, err := NewCollection(spec)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()

	want := []string{"open", "map counts 1=99", "initial x.rodata+8=07000000", "load", "close 1"}
	if !slices.Equal(*asked, want) {
		t.Fatalf("%q", *asked)
	}
}

func TestAProgramThatWasTakenOutIsNotLoaded(t *testing.T) {
	asked := kernel(t)
	spec, _ := LoadCollectionSpecFromReader(bytes.NewReader(object()))
	delete(spec.Programs, "on_exec")

	c, err := NewCollection(spec)

	if err != nil || len(c.Programs) != 0 || !slices.Contains(*asked, "program on_exec 1=0") {
		t.Fatalf("%v %q", err, *asked)
	}
}

func TestASpecLoadsMoreThanOnce(t *testing.T) {
	asked := kernel(t)
	spec, _ := LoadCollectionSpecFromReader(bytes.NewReader(object()))

	for range 2 {
		if _, err := NewCollection(spec); err != nil {
			t.Fatal(err)
		}
	}

	if want := []string{"open", "load", "open", "load"}; !slices.Equal(*asked, want) {
		t.Fatalf("%q", *asked)
	}
}

func TestAssignedObjectsAreFreedWithTheLast(t *testing.T) {
	asked := kernel(t)
	spec, _ := LoadCollectionSpecFromReader(bytes.NewReader(object()))
	var objects struct {
		Programs struct {
			OnExec *Program `ebpf:"on_exec"`
		}
		Counts *Map      `ebpf:"counts"`
		Limit  *Variable `ebpf:"limit"`
	}

	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		t.Fatal(err)
	}
	objects.Programs.OnExec.Close()
	objects.Programs.OnExec.Close()
	before := slices.Clone(*asked)
	objects.Counts.Close()

	if objects.Limit.Size() != 4 || slices.Contains(before, "close 1") || !slices.Contains(*asked, "close 1") {
		t.Fatalf("%q %q", before, *asked)
	}
	var wrong struct {
		M *Map `ebpf:"nothing"`
	}
	if err := spec.LoadAndAssign(&wrong, nil); err == nil || err.Error() != "field M: the object has no map nothing" {
		t.Fatal(err)
	}
}

func TestProgramsWithoutAFieldAreNotLoaded(t *testing.T) {
	asked := kernel(t)
	autoload := host.Program{Type: uint32(TracePoint), Name: "maybe", Section: "?tp/sched/sched_switch"}
	others := host.Fake.Programs
	host.Fake.Programs = func(obj uint64) []host.Program { return append(others(obj), autoload) }
	spec, _ := LoadCollectionSpecFromReader(bytes.NewReader(object()))
	var objects struct {
		Maybe   *Program `ebpf:"maybe"`
		Missing *Program `ebpf:"missing,optional"`
	}

	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		t.Fatal(err)
	}

	want := []string{"open", "program on_exec 1=0", "program maybe 1=1", "load"}
	if !slices.Equal(*asked, want) || objects.Maybe == nil || objects.Missing != nil {
		t.Fatalf("%q", *asked)
	}
	var loaded struct {
		Maybe *Program  `ebpf:"maybe,optional"`
		Limit *Variable `ebpf:"limit"`
	}
	if err := spec.LoadAndAssign(&loaded, &CollectionOptions{}); err != nil || loaded.Maybe != nil || loaded.Maybe.Close() != nil {
		t.Fatal(err, loaded.Maybe)
	}
}

func TestWhatAGuestCannotDoIsToldByItsOptions(t *testing.T) {
	kernel(t)
	spec, _ := LoadCollectionSpecFromReader(bytes.NewReader(object()))

	_, pins := NewCollectionWithOptions(spec, CollectionOptions{Maps: MapOptions{PinPath: "/sys/fs/bpf"}})
	_, replaced := NewCollectionWithOptions(spec, CollectionOptions{MapReplacements: map[string]*Map{"counts": nil}})

	if !errors.Is(pins, ErrNotSupported) || !errors.Is(replaced, ErrNotSupported) {
		t.Fatal(pins, replaced)
	}
}

func FuzzSymbols(f *testing.F) {
	f.Add(object())
	f.Add(object()[:100])
	f.Fuzz(func(t *testing.T, elf []byte) { _, _ = variables(elf) })
}
