package ebpf

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/internal/layout"
)

// MapSpec is what an object says of a map. Until the collection is made, it may be changed.
type MapSpec struct {
	Name                                  string
	Type                                  MapType
	KeySize, ValueSize, MaxEntries, Flags uint32

	section string // .rodata: "", a map of the source
}

// Copy returns a spec of its own.
func (s *MapSpec) Copy() *MapSpec {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

func (s *MapSpec) apply(obj uint64, original host.Map) error {
	changes := []struct {
		what     int32
		now, was uint32
	}{
		{host.SetType, uint32(s.Type), original.Type},
		{host.SetKeySize, s.KeySize, original.KeySize},
		{host.SetValueSize, s.ValueSize, original.ValueSize},
		{host.SetMaxEntries, s.MaxEntries, original.MaxEntries},
		{host.SetFlags, s.Flags, original.Flags},
	}
	for _, change := range changes {
		if change.now != change.was {
			if err := host.Failure(host.SetMap(obj, original.Name, change.what, uint64(change.now)), "map %s", s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Map is a map of a loaded object.
type Map struct {
	collection *loaded
	info       host.Map
	fullSize   int    // of a value: of all CPUs where each has one
	mapped     []byte // the map's memory, of a section
	cannotMap  bool
	isCounted  bool // by LoadAndAssign
}

func newMap(collection *loaded, info host.Map) *Map {
	m := &Map{collection: collection, info: info, fullSize: int(info.ValueSize)}
	if info.CPUs != 0 {
		m.fullSize = int(info.CPUs) * m.stride()
	}
	return m
}

// stride is the distance between the values of two CPUs.
func (m *Map) stride() int { return (int(m.info.ValueSize) + 7) &^ 7 }

// Type returns the map's type.
func (m *Map) Type() MapType { return MapType(m.info.Type) }

// KeySize returns the size of a key.
func (m *Map) KeySize() uint32 { return m.info.KeySize }

// ValueSize returns the size of a value, of one CPU.
func (m *Map) ValueSize() uint32 { return m.info.ValueSize }

// MaxEntries returns how many elements there can be; the bytes of a ring buffer.
func (m *Map) MaxEntries() uint32 { return m.info.MaxEntries }

// Flags returns the flags that the map was made with.
func (m *Map) Flags() uint32 { return m.info.Flags }

// FD returns the descriptor that the host knows the map by in this guest.
func (m *Map) FD() int { return int(m.info.FD) }

// MarshalBinary returns what a map of maps takes as a value.
func (m *Map) MarshalBinary() ([]byte, error) {
	return binary.LittleEndian.AppendUint32(nil, uint32(m.info.FD)), nil
}

// MapInfo is what the host knows of a map.
type MapInfo struct {
	Type                                  MapType
	KeySize, ValueSize, MaxEntries, Flags uint32
	Name                                  string
}

// Info returns what the host knows of the map.
func (m *Map) Info() (*MapInfo, error) {
	return &MapInfo{m.Type(), m.KeySize(), m.ValueSize(), m.MaxEntries(), m.Flags(), m.info.Name}, nil
}

func (m *Map) String() string { return fmt.Sprintf("%s(%s)#%d", m.Type(), m.info.Name, m.info.FD) }

// Close does nothing to a map of a collection, with which it lives. The last one of what LoadAndAssign made frees the object.
func (m *Map) Close() error {
	if m != nil && m.isCounted {
		m.isCounted = false
		m.unmap()
		m.collection.release()
	}
	return nil
}

// Lookup copies the value of a key to what valueOut points to: an integer, a struct, an array, *[]byte; of per-CPU maps a pointer
// to a slice.
func (m *Map) Lookup(key, valueOut any) error { return m.LookupWithFlags(key, valueOut, 0) }

// LookupWithFlags is Lookup with flags.
func (m *Map) LookupWithFlags(key, valueOut any, flags MapLookupFlags) error {
	return m.take("lookup in", host.Lookup, key, valueOut, uint64(flags))
}

// LookupAndDelete takes an element out of the map. Queues and stacks have a nil key.
func (m *Map) LookupAndDelete(key, valueOut any) error {
	return m.take("lookup and delete in", host.LookupAndDelete, key, valueOut, 0)
}

// LookupBytes returns the value of a key, of all CPUs one behind the other; nil where there is none.
func (m *Map) LookupBytes(key any) ([]byte, error) {
	var value []byte
	err := m.Lookup(key, &value)
	if e, ok := err.(*keyError); ok && e.meaning == ErrKeyNotExist {
		return nil, nil
	}
	return value, err
}

func (m *Map) take(what string, cmd int32, key, valueOut any, flags uint64) error {
	k, err := m.key(key)
	if err != nil {
		return err
	}
	var small [64]byte
	value := small[:]
	if m.fullSize > len(value) {
		value = make([]byte, m.fullSize)
	}
	value = value[:m.fullSize]
	answer, err := m.operate(cmd, k, value, nil, flags)
	if err != nil {
		return err
	}
	if answer < 0 {
		return keyed(answer, what, m.info.Name)
	}
	return m.valueTo(valueOut, value)
}

// Update puts an element.
func (m *Map) Update(key, value any, flags MapUpdateFlags) error {
	k, err := m.key(key)
	if err != nil {
		return err
	}
	v, err := m.value(value)
	if err != nil {
		return err
	}
	answer, err := m.operate(host.Update, k, v, nil, uint64(flags))
	if err != nil {
		return err
	}
	return keyed(answer, "update", m.info.Name)
}

// Put puts an element, whether there was one or not.
func (m *Map) Put(key, value any) error { return m.Update(key, value, UpdateAny) }

// Delete takes an element away; ErrKeyNotExist where there is none.
func (m *Map) Delete(key any) error {
	k, err := m.key(key)
	if err != nil {
		return err
	}
	answer, err := m.operate(host.Delete, k, nil, nil, 0)
	if err != nil {
		return err
	}
	return keyed(answer, "delete from", m.info.Name)
}

// NextKey copies the key behind key to what keyOut points to; the first where key is nil. ErrKeyNotExist behind the last.
func (m *Map) NextKey(key, keyOut any) error {
	var k []byte
	if key != nil {
		var err error
		if k, err = m.key(key); err != nil {
			return err
		}
	}
	next := make([]byte, m.info.KeySize)
	answer, err := m.operate(host.NextKey, k, nil, next, 0)
	if err != nil {
		return err
	}
	if answer < 0 {
		return keyed(answer, "next key of", m.info.Name)
	}
	return m.keyTo(keyOut, next)
}

// Freeze makes a map read-only for user space.
func (m *Map) Freeze() error {
	answer, err := m.operate(host.Freeze, nil, nil, nil, 0)
	if err != nil {
		return err
	}
	return host.Failure(answer, "freeze map %s", m.info.Name)
}

func (m *Map) operate(cmd int32, key, value, next []byte, flags uint64) (int32, error) {
	if m.collection.obj == 0 {
		return 0, fmt.Errorf("map %s: %w", m.info.Name, ErrClosed)
	}
	return host.Operate(m.info.FD, cmd, key, value, next, flags), nil
}

func (m *Map) key(key any) ([]byte, error) {
	if key == nil && m.info.KeySize == 0 {
		return nil, nil
	}
	raw, err := layout.Bytes(key, int(m.info.KeySize))
	if err != nil {
		return nil, fmt.Errorf("key of map %s: %w", m.info.Name, err)
	}
	return raw, nil
}

func (m *Map) keyTo(out any, raw []byte) error {
	if err := layout.Into(out, raw); err != nil {
		return fmt.Errorf("key of map %s: %w", m.info.Name, err)
	}
	return nil
}

func (m *Map) value(value any) ([]byte, error) {
	raw, err := m.valueBytes(value)
	if err != nil {
		return nil, fmt.Errorf("value of map %s: %w", m.info.Name, err)
	}
	return raw, nil
}

func (m *Map) valueBytes(value any) ([]byte, error) {
	list := reflect.ValueOf(value)
	if _, isRaw := value.([]byte); m.info.CPUs == 0 || isRaw {
		return layout.Bytes(value, m.fullSize)
	}
	if list.Kind() != reflect.Slice || list.Len() != int(m.info.CPUs) {
		return nil, fmt.Errorf("%T with %d values, expected a slice with one for each of %d CPUs", value, length(list), m.info.CPUs)
	}
	raw := make([]byte, m.fullSize)
	for i := range list.Len() {
		one, err := layout.Bytes(list.Index(i).Interface(), int(m.info.ValueSize))
		if err != nil {
			return nil, err
		}
		copy(raw[i*m.stride():], one)
	}
	return raw, nil
}

func length(list reflect.Value) int {
	if list.Kind() != reflect.Slice {
		return 1
	}
	return list.Len()
}

func (m *Map) valueTo(out any, raw []byte) error {
	err := m.unpack(out, raw)
	if err != nil {
		return fmt.Errorf("value of map %s: %w", m.info.Name, err)
	}
	return nil
}

func (m *Map) unpack(out any, raw []byte) error {
	if _, isRaw := out.(*[]byte); m.info.CPUs == 0 || isRaw {
		return layout.Into(out, raw)
	}
	list := reflect.ValueOf(out)
	if list.Kind() == reflect.Pointer && list.Elem().Kind() == reflect.Slice {
		list = list.Elem()
		if list.Len() != int(m.info.CPUs) {
			list.Set(reflect.MakeSlice(list.Type(), int(m.info.CPUs), int(m.info.CPUs)))
		}
	}
	if list.Kind() != reflect.Slice || list.Len() != int(m.info.CPUs) {
		return fmt.Errorf("%T, expected a pointer to a slice: the map has a value for each CPU", out)
	}
	for i := range list.Len() {
		at := i * m.stride()
		if err := layout.Into(list.Index(i).Addr().Interface(), raw[at:at+int(m.info.ValueSize)]); err != nil {
			return err
		}
	}
	return nil
}

// PossibleCPU returns how many CPUs the machine can have: so many values an element of a per-CPU map has.
func PossibleCPU() (int, error) {
	cpus := host.PossibleCPUs()
	return int(cpus), host.Check(cpus)
}

// MustPossibleCPU is PossibleCPU, or panics.
func MustPossibleCPU() int {
	cpus, err := PossibleCPU()
	if err != nil {
		panic(err)
	}
	return cpus
}

// SanitizeName returns a name that the kernel takes for a map or program.
func SanitizeName(name string, replacement rune) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return c
		}
		return replacement
	}, name)
}
