//go:build !wasip1

package ebpf

import (
	"encoding/binary"
	"sort"
	"testing"
	"unsafe"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/linux"
)

// fakeMap is a hash map of the fake host: keys and values are strings of bytes.
type fakeMap struct {
	info     host.Map
	elements map[string]string
	batches  bool
}

func (m *fakeMap) full() int {
	if m.info.CPUs == 0 {
		return int(m.info.ValueSize)
	}
	return int(m.info.CPUs) * (int(m.info.ValueSize) + 7) &^ 7
}

func (m *fakeMap) keys() []string {
	var keys []string
	for key := range m.elements {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// fake puts a host in place that has these maps, and returns what was set.
func fake(t *testing.T, maps ...*fakeMap) *Collection {
	t.Helper()
	c := &Collection{Maps: map[string]*Map{}, loaded: &loaded{obj: 1}}
	for i, m := range maps {
		m.info.FD = int32(i)
		if m.elements == nil {
			m.elements = map[string]string{}
		}
		c.Maps[m.info.Name] = newMap(c.loaded, m.info)
	}
	host.Fake.Sizes = func(fd int32) (int, int) { return int(maps[fd].info.KeySize), maps[fd].full() }
	host.Fake.Operate = func(fd, cmd int32, key, value, next []byte, flags uint64) int32 {
		return maps[fd].operate(cmd, key, value, next, flags)
	}
	host.Fake.Batch = func(fd, cmd int32, in, out, keys, values unsafe.Pointer, count *uint32, _ uint64) int32 {
		return maps[fd].batch(in, out, keys, values, count)
	}
	host.Fake.PossibleCPUs = 2
	return c
}

func (m *fakeMap) operate(cmd int32, key, value, next []byte, flags uint64) int32 {
	found, ok := m.elements[string(key)]
	switch {
	case cmd == host.NextKey:
		for _, k := range m.keys() {
			if key == nil || k > string(key) {
				copy(next, k)
				return 0
			}
		}
		return -int32(linux.ENOENT)
	case cmd == host.Update && ok && flags == uint64(UpdateNoExist):
		return -int32(linux.EEXIST)
	case cmd == host.Update:
		m.elements[string(key)] = string(value)
		return 0
	case !ok:
		return -int32(linux.ENOENT)
	case cmd == host.Lookup, cmd == host.LookupAndDelete:
		copy(value, found)
	}
	if cmd != host.Lookup {
		delete(m.elements, string(key))
	}
	return 0
}

// batch is a lookup, whose cursor is the number of the element.
func (m *fakeMap) batch(in, out, keys, values unsafe.Pointer, count *uint32) int32 {
	if !m.batches {
		return -int32(linux.EINVAL)
	}
	at, all := 0, m.keys()
	if in != nil {
		at = int(*(*uint32)(in))
	}
	many := min(int(*count), len(all)-at)
	for i, key := range all[at : at+many] {
		copy(unsafe.Slice((*byte)(unsafe.Add(keys, i*len(key))), len(key)), key)
		copy(unsafe.Slice((*byte)(unsafe.Add(values, i*m.full())), m.full()), m.elements[key])
	}
	*count, *(*uint32)(out) = uint32(many), uint32(at+many)
	if at+many == len(all) {
		return -int32(linux.ENOENT)
	}
	return 0
}

func hash(name string, key, value uint32) *fakeMap {
	return &fakeMap{info: host.Map{Name: name, Type: uint32(Hash), KeySize: key, ValueSize: value, MaxEntries: 1000}}
}

func u32(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }
