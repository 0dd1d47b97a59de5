package ebpf

import (
	"encoding/binary"
	"fmt"
	"time"

	"eunomia.dev/ebpf/internal/host"
)

// ProgramSpec is what an object says of a program. Until the collection is made, it may be changed.
type ProgramSpec struct {
	Name        string
	Type        ProgramType
	AttachType  AttachType
	AttachTo    string // a function of the kernel, or prog:NAME; "" leaves it to the section
	SectionName string
	Autoload    bool // false: it is not loaded
	// Instructions is how many there are before load.
	Instructions int
}

// Copy returns a spec of its own.
func (s *ProgramSpec) Copy() *ProgramSpec {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

func (s *ProgramSpec) apply(obj uint64, original host.Program) error {
	if s.Autoload != original.Autoload {
		value := uint64(0)
		if s.Autoload {
			value = 1
		}
		if err := s.set(obj, host.SetAutoload, value); err != nil {
			return err
		}
	}
	if uint32(s.Type) != original.Type {
		if err := s.set(obj, host.SetProgramType, uint64(s.Type)); err != nil {
			return err
		}
	}
	if uint32(s.AttachType) != original.AttachType && s.AttachType != AttachNone {
		if err := s.set(obj, host.SetAttachType, uint64(s.AttachType)); err != nil {
			return err
		}
	}
	if s.AttachTo == "" {
		return nil
	}
	return host.Failure(host.Bind(obj, s.Name, s.AttachTo), "program %s", s.Name)
}

func (s *ProgramSpec) set(obj uint64, what int32, value uint64) error {
	return host.Failure(host.SetProgram(obj, s.Name, what, value), "program %s", s.Name)
}

// Program is a program of a loaded object.
type Program struct {
	collection *loaded
	info       host.Program
	isCounted  bool // by LoadAndAssign
}

// Type returns the program's type.
func (p *Program) Type() ProgramType { return ProgramType(p.info.Type) }

func (p *Program) String() string { return fmt.Sprintf("%s(%s)", p.Type(), p.info.Name) }

// Close does nothing to a program of a collection, with which it lives. The last one of what LoadAndAssign made frees the object.
func (p *Program) Close() error {
	if p != nil && p.isCounted {
		p.isCounted = false
		p.collection.release()
	}
	return nil
}

// FD returns the descriptor that the host knows the program by in this guest, -1 where it has none.
func (p *Program) FD() int {
	if p == nil || p.collection.obj == 0 {
		return -1
	}
	return int(max(-1, host.ProgramFD(p.collection.obj, p.info.Name)))
}

// MarshalBinary returns what a map of programs takes as a value.
func (p *Program) MarshalBinary() ([]byte, error) {
	fd := p.FD()
	if fd < 0 {
		return nil, fmt.Errorf("program has no descriptor: %w", ErrClosed)
	}
	return binary.LittleEndian.AppendUint32(nil, uint32(fd)), nil
}

// Handle returns the object's handle and the program's name and section, by which the host knows it; handle 0 after close.
func (p *Program) Handle() (object uint64, name, section string) {
	return p.collection.obj, p.info.Name, p.info.Section
}

// RunOptions are those of a test run.
type RunOptions struct {
	Data, DataOut []byte
	Repeat        uint32
}

// Test lets the kernel call the program once with a packet, and returns what it returned and the packet that it left.
func (p *Program) Test(in []byte) (uint32, []byte, error) {
	out := make([]byte, len(in)+256)
	opts := RunOptions{Data: in, DataOut: out}
	result, err := p.Run(&opts)
	return result, opts.DataOut, err
}

// Benchmark lets the kernel call the program so often, and returns the time of one call.
func (p *Program) Benchmark(in []byte, repeat int, _ func()) (uint32, time.Duration, error) {
	result, nanoseconds, answer := host.TestRun(p.collection.obj, p.info.Name, in, nil, uint32(repeat))
	return result, time.Duration(nanoseconds), host.Failure(answer, "test run of program %s", p.info.Name)
}

// Run lets the kernel call the program, and cuts DataOut to what came back.
func (p *Program) Run(opts *RunOptions) (uint32, error) {
	result, _, answer := host.TestRun(p.collection.obj, p.info.Name, opts.Data, opts.DataOut, max(1, opts.Repeat))
	if answer >= 0 {
		opts.DataOut = opts.DataOut[:min(int(answer), len(opts.DataOut))]
	}
	return result, host.Failure(answer, "test run of program %s", p.info.Name)
}
