// Package layout moves values between Go's memory and a map's. Fixed-size Go types have the layout of C's on wasm and on
// 64-bit machines, so that most are one copy.
package layout

import (
	"encoding"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

type shape struct {
	isFixed, isPadded bool // of fixed size, without pointers; with bytes that belong to no field
}

var shapes sync.Map // reflect.Type to shape

// Bytes returns the size bytes of a key or value. They may be those of data itself.
func Bytes(data any, size int) ([]byte, error) {
	switch v := data.(type) {
	case []byte:
		return sized(v, size)
	case string:
		return sized([]byte(v), size)
	case *uint32:
		return sized(memory(unsafe.Pointer(v), 4), size)
	case *uint64:
		return sized(memory(unsafe.Pointer(v), 8), size)
	case encoding.BinaryMarshaler:
		raw, err := v.MarshalBinary()
		if err != nil {
			return nil, err
		}
		return sized(raw, size)
	}
	value := reflect.ValueOf(data)
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		return element(value.Elem(), size)
	}
	if !value.IsValid() {
		return nil, fmt.Errorf("nil, expected %d bytes", size)
	}
	copied := reflect.New(value.Type()).Elem()
	copied.Set(value)
	return element(copied, size)
}

// element returns the bytes of an addressable value.
func element(value reflect.Value, size int) ([]byte, error) {
	if value.Kind() == reflect.Slice {
		return slice(value, size)
	}
	s := shapeOf(value.Type())
	if !s.isFixed {
		return nil, fmt.Errorf("%s has no fixed size", value.Type())
	}
	raw := memory(value.Addr().UnsafePointer(), int(value.Type().Size()))
	if s.isPadded {
		clean := make([]byte, len(raw))
		fill(clean, raw, value.Type(), 0)
		raw = clean
	}
	return sized(raw, size)
}

func slice(value reflect.Value, size int) ([]byte, error) {
	s := shapeOf(value.Type().Elem())
	if !s.isFixed || s.isPadded {
		return nil, fmt.Errorf("%s has elements without a fixed layout", value.Type())
	}
	return sized(memory(value.UnsafePointer(), value.Len()*int(value.Type().Elem().Size())), size)
}

// fill copies the fields of a padded type, and leaves 0 between them: the kernel compares keys by their bytes.
func fill(to, from []byte, t reflect.Type, at uintptr) {
	switch {
	case !shapeOf(t).isPadded:
		copy(to[at:at+t.Size()], from[at:])
	case t.Kind() == reflect.Array:
		for i := range t.Len() {
			fill(to, from, t.Elem(), at+uintptr(i)*t.Elem().Size())
		}
	default:
		for i := range t.NumField() {
			if field := t.Field(i); field.Name != "_" {
				fill(to, from, field.Type, at+field.Offset)
			}
		}
	}
}

// Into copies raw to what dst points to.
func Into(dst any, raw []byte) error {
	switch v := dst.(type) {
	case *uint32:
		return into(unsafe.Pointer(v), 4, raw)
	case *uint64:
		return into(unsafe.Pointer(v), 8, raw)
	case *[]byte:
		*v = append((*v)[:0:0], raw...)
		return nil
	case []byte:
		_, err := sized(v, len(raw))
		copy(v, raw)
		return err
	case encoding.BinaryUnmarshaler:
		return v.UnmarshalBinary(append([]byte(nil), raw...))
	}
	value := reflect.ValueOf(dst)
	if value.Kind() == reflect.Slice {
		target, err := slice(value, len(raw))
		copy(target, raw)
		return err
	}
	if value.Kind() != reflect.Pointer || value.IsNil() {
		return fmt.Errorf("%T is no pointer to write %d bytes to", dst, len(raw))
	}
	element := value.Elem()
	if !shapeOf(element.Type()).isFixed {
		return fmt.Errorf("%s has no fixed size", element.Type())
	}
	return into(value.UnsafePointer(), int(element.Type().Size()), raw)
}

// IsFixed tells whether all bytes of a type are its own, or padding.
func IsFixed(t reflect.Type) bool { return shapeOf(t).isFixed }

func into(at unsafe.Pointer, size int, raw []byte) error {
	target, err := sized(memory(at, size), len(raw))
	copy(target, raw)
	return err
}

func sized(raw []byte, size int) ([]byte, error) {
	if len(raw) != size {
		return nil, fmt.Errorf("%d bytes, expected %d", len(raw), size)
	}
	return raw, nil
}

func memory(at unsafe.Pointer, size int) []byte { return unsafe.Slice((*byte)(at), size) }

func shapeOf(t reflect.Type) shape {
	if known, ok := shapes.Load(t); ok {
		return known.(shape)
	}
	s := measure(t)
	shapes.Store(t, s)
	return s
}

func measure(t reflect.Type) shape {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return shape{isFixed: true}
	case reflect.Array:
		return shapeOf(t.Elem())
	case reflect.Struct:
		return structure(t)
	}
	return shape{}
}

func structure(t reflect.Type) shape {
	s, end := shape{isFixed: true}, uintptr(0)
	for i := range t.NumField() {
		field := t.Field(i)
		inner := shapeOf(field.Type)
		if !inner.isFixed {
			return shape{}
		}
		s.isPadded = s.isPadded || inner.isPadded || field.Offset != end || field.Name == "_"
		end = field.Offset + field.Type.Size()
	}
	s.isPadded = s.isPadded || end != t.Size()
	return s
}
