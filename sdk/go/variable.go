package ebpf

import (
	"fmt"
	"strings"
	"unsafe"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/internal/layout"
)

// VariableSpec is a global variable of an object that is not loaded yet.
type VariableSpec struct {
	symbol
	value []byte
	isSet bool
}

// Name returns the variable's name.
func (v *VariableSpec) Name() string { return v.name }

// SectionName returns the section that it stands in.
func (v *VariableSpec) SectionName() string { return v.section }

// MapName returns the name of that section's map in a CollectionSpec.
func (v *VariableSpec) MapName() string { return v.section }

// Offset returns where in the section it stands.
func (v *VariableSpec) Offset() uint32 { return v.offset }

// Size returns its size.
func (v *VariableSpec) Size() uint32 { return v.size }

// Constant tells whether it is a constant once the object is loaded.
func (v *VariableSpec) Constant() bool { return strings.HasPrefix(v.section, ".rodata") }

// Set gives it the value that it has when the object is loaded. A string may be shorter than the variable.
func (v *VariableSpec) Set(in any) error {
	if text, ok := in.(string); ok && len(text) < int(v.size) {
		in = append([]byte(text), make([]byte, int(v.size)-len(text))...)
	}
	raw, err := layout.Bytes(in, int(v.size))
	if err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	v.value, v.isSet = append([]byte(nil), raw...), true
	return nil
}

// Get copies its value to what out points to.
func (v *VariableSpec) Get(out any) error {
	if err := layout.Into(out, v.value); err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	return nil
}

func (v *VariableSpec) String() string {
	return fmt.Sprintf("%s (section=%s, offset=%d, size=%d)", v.name, v.section, v.offset, v.size)
}

// Copy returns a spec of its own.
func (v *VariableSpec) Copy() *VariableSpec {
	c := *v
	c.value = append([]byte(nil), v.value...)
	return &c
}

// Variable is a global variable of a loaded object.
type Variable struct {
	symbol
	m *Map
}

// Size returns its size.
func (v *Variable) Size() uint32 { return v.size }

// ReadOnly tells whether it is a constant.
func (v *Variable) ReadOnly() bool { return strings.HasPrefix(v.section, ".rodata") }

// Get copies its value to what out points to.
func (v *Variable) Get(out any) error {
	section, err := v.m.memory(v.ReadOnly())
	if err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	if err := layout.Into(out, section[v.offset:v.offset+v.size]); err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	return nil
}

// Set changes it. Where the host cannot map the section into the guest, its other variables are written with it: then a program
// that writes one of them meanwhile may lose that.
func (v *Variable) Set(in any) error {
	if v.ReadOnly() {
		return fmt.Errorf("variable %s: %w", v.name, ErrReadOnly)
	}
	raw, err := layout.Bytes(in, int(v.size))
	if err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	section, err := v.m.memory(false)
	if err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	copy(section[v.offset:], raw)
	if v.m.mapped == nil {
		return v.m.Put(uint32(0), section)
	}
	return nil
}

const page = 4096

// memory returns the bytes of a section: its map's own memory where the host can do that, else a copy.
func (m *Map) memory(isConstant bool) ([]byte, error) {
	if m.collection.obj == 0 {
		return nil, ErrClosed
	}
	if m.mapped == nil && m.info.IsMmapable && !isConstant && !m.cannotMap {
		size := (int(m.info.ValueSize) + page - 1) &^ (page - 1)
		room := make([]byte, size+page)
		skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(room)))) & (page - 1)
		if host.Mmap(m.info.FD, room[skip:skip+size]) >= 0 {
			m.mapped = room[skip : skip+size]
		} else {
			m.cannotMap = true
		}
	}
	if m.mapped != nil {
		return m.mapped[:m.info.ValueSize], nil
	}
	var copied []byte
	err := m.Lookup(uint32(0), &copied)
	return copied, err
}

func (m *Map) unmap() {
	if m.mapped != nil {
		host.Munmap(m.mapped)
		m.mapped = nil
	}
}
