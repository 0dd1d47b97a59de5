// Package ebpf loads BPF objects from within a Wasm guest of eunomia, by the names that github.com/cilium/ebpf made common.
//
// Objects are parsed, relocated and loaded by the host; the guest has no descriptors of the kernel's.
package ebpf

import (
	"errors"
	"fmt"
	"io"
	"os"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/linux"
)

// CollectionSpec is what an object file says.
type CollectionSpec struct {
	Maps      map[string]*MapSpec
	Programs  map[string]*ProgramSpec
	Variables map[string]*VariableSpec

	elf      []byte
	open     uint64 // the object that was opened to read it, 0 once it was loaded
	maps     []host.Map
	programs []host.Program
}

// CollectionOptions change how a collection is made.
type CollectionOptions struct {
	Maps     MapOptions
	Programs ProgramOptions
	// MapReplacements has no meaning in a guest, whose objects have maps of their own: there must be none.
	MapReplacements map[string]*Map
}

// MapOptions are those of a collection's maps.
type MapOptions struct {
	// PinPath has no meaning in a guest, which has no pins: it must be empty.
	PinPath string
}

// ProgramOptions are those of a collection's programs. They are here for programs that set them: a VerifierError has the
// lines that the host gives, whatever is said here.
type ProgramOptions struct {
	LogLevel     LogLevel
	LogSize      int
	LogSizeStart uint32
	LogDisabled  bool
}

// LogLevel is how much the verifier tells.
type LogLevel uint32

// What the verifier tells.
const (
	LogLevelBranch LogLevel = 1 << iota
	LogLevelInstruction
	LogLevelStats
)

func (o *CollectionOptions) check() error {
	if o.Maps.PinPath != "" {
		return fmt.Errorf("load collection: maps pinned at %s: %w: a guest has no pins", o.Maps.PinPath, ErrNotSupported)
	}
	for name := range o.MapReplacements {
		return fmt.Errorf("load collection: a replacement of map %s: %w: an object has its own maps", name, ErrNotSupported)
	}
	return nil
}

// LoadCollectionSpec reads an object file, of a folder that the guest was given.
func LoadCollectionSpec(file string) (*CollectionSpec, error) {
	elf, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return specOf(elf)
}

// LoadCollectionSpecFromReader reads an object, mostly one that is embedded in the guest.
func LoadCollectionSpecFromReader(r io.ReaderAt) (*CollectionSpec, error) {
	elf, err := io.ReadAll(io.NewSectionReader(r, 0, 1<<31-1))
	if err != nil {
		return nil, err
	}
	return specOf(elf)
}

func specOf(elf []byte) (*CollectionSpec, error) {
	spec := &CollectionSpec{
		Maps: map[string]*MapSpec{}, Programs: map[string]*ProgramSpec{}, Variables: map[string]*VariableSpec{}, elf: elf,
	}
	symbols, err := variables(elf)
	if err != nil {
		return nil, err
	}
	if spec.open, err = openObject(elf); err != nil {
		return nil, err
	}
	if err := spec.read(symbols); err != nil {
		host.Close(spec.open)
		return nil, err
	}
	return spec, nil
}

func openObject(elf []byte) (uint64, error) {
	obj := host.Open(elf, "")
	if obj != 0 {
		return obj, nil
	}
	if line := host.Error(); line != "" {
		return 0, errors.New(line)
	}
	return 0, errors.New("open object: the host refuses it")
}

func (s *CollectionSpec) read(symbols []symbol) error {
	maps, err := all(s.open, host.MapInfo)
	if err != nil {
		return fmt.Errorf("maps of the object: %w", err)
	}
	programs, err := all(s.open, host.ProgramInfo)
	if err != nil {
		return fmt.Errorf("programs of the object: %w", err)
	}
	s.maps, s.programs = maps, programs
	for _, m := range maps {
		s.Maps[mapKey(m)] = &MapSpec{m.Name, MapType(m.Type), m.KeySize, m.ValueSize, m.MaxEntries, m.Flags, m.Section}
	}
	for _, p := range programs {
		s.Programs[p.Name] = &ProgramSpec{
			Name: p.Name, Type: ProgramType(p.Type), AttachType: AttachType(p.AttachType), SectionName: p.Section,
			Autoload: p.Autoload, Instructions: int(p.Instructions),
		}
	}
	for _, v := range symbols {
		if err := s.variable(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *CollectionSpec) variable(v symbol) error {
	in := s.Maps[v.section]
	if in == nil || uint64(v.offset)+uint64(v.size) > uint64(in.ValueSize) {
		return nil // a section that no program uses has no map
	}
	value := make([]byte, v.size)
	if err := host.Failure(host.Initial(s.open, in.Name, v.offset, value, false), "variable %s", v.name); err != nil {
		return err
	}
	s.Variables[v.name] = &VariableSpec{symbol: v, value: value}
	return nil
}

// mapKey is what a collection calls a map: its name, or its section's.
func mapKey(m host.Map) string {
	if m.Section != "" {
		return m.Section
	}
	return m.Name
}

func all[T any](obj uint64, info func(uint64, int) (T, error)) ([]T, error) {
	var found []T
	for i := 0; ; i++ {
		one, err := info(obj, i)
		if errors.Is(err, linux.ENOENT) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
}

// Copy returns a spec of its own.
func (s *CollectionSpec) Copy() *CollectionSpec {
	c := &CollectionSpec{
		Maps: map[string]*MapSpec{}, Programs: map[string]*ProgramSpec{}, Variables: map[string]*VariableSpec{},
		elf: s.elf, maps: s.maps, programs: s.programs,
	}
	for name, m := range s.Maps {
		c.Maps[name] = m.Copy()
	}
	for name, p := range s.Programs {
		c.Programs[name] = p.Copy()
	}
	for name, v := range s.Variables {
		c.Variables[name] = v.Copy()
	}
	return c
}

// RewriteConstants gives constants their values.
func (s *CollectionSpec) RewriteConstants(constants map[string]any) error {
	for name, value := range constants {
		v := s.Variables[name]
		if v == nil || !v.Constant() {
			return fmt.Errorf("rewrite constants: %s is no constant of the object", name)
		}
		if err := v.Set(value); err != nil {
			return err
		}
	}
	return nil
}

// Collection is a loaded object.
type Collection struct {
	Maps      map[string]*Map
	Programs  map[string]*Program
	Variables map[string]*Variable

	loaded *loaded
}

// loaded is the host's object, which maps and programs share.
type loaded struct {
	obj    uint64
	nrOpen int // maps and programs that LoadAndAssign gave out
}

func (l *loaded) release() {
	if l.nrOpen--; l.nrOpen == 0 && l.obj != 0 {
		host.Close(l.obj)
		l.obj = 0
	}
}

// NewCollection loads a spec. Programs and maps that are not in it any more are not loaded.
func NewCollection(spec *CollectionSpec) (*Collection, error) {
	return NewCollectionWithOptions(spec, CollectionOptions{})
}

// LoadCollection reads and loads an object file.
func LoadCollection(file string) (*Collection, error) {
	spec, err := LoadCollectionSpec(file)
	if err != nil {
		return nil, err
	}
	return NewCollection(spec)
}

// NewCollectionWithOptions loads a spec.
func NewCollectionWithOptions(spec *CollectionSpec, opts CollectionOptions) (*Collection, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	obj := spec.open
	spec.open = 0
	if obj == 0 {
		var err error
		if obj, err = openObject(spec.elf); err != nil {
			return nil, err
		}
	}
	c, err := spec.load(obj)
	if err != nil {
		host.Close(obj)
		return nil, err
	}
	return c, nil
}

func (s *CollectionSpec) load(obj uint64) (*Collection, error) {
	if err := s.apply(obj); err != nil {
		return nil, err
	}
	if answer := host.Load(obj); answer < 0 {
		return nil, loadFailure(answer)
	}
	maps, err := all(obj, host.MapInfo)
	if err != nil {
		return nil, fmt.Errorf("maps of the object: %w", err)
	}
	c := &Collection{map[string]*Map{}, map[string]*Program{}, map[string]*Variable{}, &loaded{obj: obj}}
	for _, m := range maps {
		if m.FD >= 0 {
			c.Maps[mapKey(m)] = newMap(c.loaded, m)
		}
	}
	for _, p := range s.programs {
		if spec := s.Programs[p.Name]; spec != nil && spec.Autoload {
			p.Type, p.AttachType = uint32(spec.Type), uint32(spec.AttachType)
			c.Programs[p.Name] = &Program{collection: c.loaded, info: p}
		}
	}
	for name, v := range s.Variables {
		if m := c.Maps[v.section]; m != nil {
			c.Variables[name] = &Variable{v.symbol, m}
		}
	}
	return c, nil
}

func (s *CollectionSpec) apply(obj uint64) error {
	for _, m := range s.maps {
		spec := s.Maps[mapKey(m)]
		if spec == nil {
			continue
		}
		if err := spec.apply(obj, m); err != nil {
			return err
		}
	}
	for _, p := range s.programs {
		spec := s.Programs[p.Name]
		if spec == nil {
			spec = &ProgramSpec{Name: p.Name, Type: ProgramType(p.Type), AttachType: AttachType(p.AttachType)} // taken out: not loaded
		}
		if err := spec.apply(obj, p); err != nil {
			return err
		}
	}
	for _, v := range s.Variables {
		if !v.isSet {
			continue
		}
		if err := host.Failure(host.Initial(obj, s.Maps[v.section].Name, v.offset, v.value, true), "variable %s", v.name); err != nil {
			return err
		}
	}
	return nil
}

func loadFailure(answer int32) error {
	e := &VerifierError{Cause: linux.Errno(-answer)}
	if text := host.Error(); text != "" {
		e.Log = lines(text)
	}
	if len(e.Log) == 0 {
		return fmt.Errorf("load object: %w", e)
	}
	return e
}

// Close detaches and frees everything.
func (c *Collection) Close() {
	if c.loaded.obj == 0 {
		return
	}
	for _, m := range c.Maps {
		m.unmap()
	}
	host.Close(c.loaded.obj)
	c.loaded.obj = 0
}

// DetachMap returns a map and takes it out of the collection. It lives as long as that.
func (c *Collection) DetachMap(name string) *Map {
	m := c.Maps[name]
	delete(c.Maps, name)
	return m
}

// DetachProgram returns a program and takes it out of the collection. It lives as long as that.
func (c *Collection) DetachProgram(name string) *Program {
	p := c.Programs[name]
	delete(c.Programs, name)
	return p
}
