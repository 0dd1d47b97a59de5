package ebpf

import (
	"fmt"
	"reflect"
	"unsafe"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/internal/layout"
	"eunomia.dev/ebpf/linux"
)

// BatchOptions are the flags of the elements of a batch.
type BatchOptions struct{ ElemFlags, Flags uint64 }

// MapBatchCursor is how far a batch lookup has come. Its zero value is the beginning.
type MapBatchCursor struct {
	m      *Map
	opaque []byte
	isSet  bool
}

// BatchLookup copies the next elements to two slices, as many as these have room for, and returns how many. Behind the last it
// returns ErrKeyNotExist, with as many elements as came before it. Kernel: 5.6+.
func (m *Map) BatchLookup(cursor *MapBatchCursor, keysOut, valuesOut any, opts *BatchOptions) (int, error) {
	return m.batchTake("batch lookup in", host.BatchLookup, cursor, keysOut, valuesOut, opts)
}

// BatchLookupAndDelete does the same, and deletes what it has copied.
func (m *Map) BatchLookupAndDelete(cursor *MapBatchCursor, keysOut, valuesOut any, opts *BatchOptions) (int, error) {
	return m.batchTake("batch lookup and delete in", host.BatchLookupDel, cursor, keysOut, valuesOut, opts)
}

// BatchUpdate puts elements of two slices, and returns how many. Kernel: 5.6+.
func (m *Map) BatchUpdate(keys, values any, opts *BatchOptions) (int, error) {
	k, v := reflect.ValueOf(keys), reflect.ValueOf(values)
	if k.Kind() != reflect.Slice || v.Kind() != reflect.Slice || m.places(v) != k.Len() {
		return 0, fmt.Errorf("batch update map %s: keys and values are two slices of one length", m.info.Name)
	}
	rawKeys, err := packed(k, int(m.info.KeySize), int(m.info.KeySize))
	if err != nil {
		return 0, fmt.Errorf("keys of map %s: %w", m.info.Name, err)
	}
	rawValues, err := packed(v, int(m.info.ValueSize), m.step())
	if err != nil {
		return 0, fmt.Errorf("values of map %s: %w", m.info.Name, err)
	}
	return m.batchPut("batch update", host.BatchUpdate, rawKeys, rawValues, k.Len(), opts)
}

// BatchDelete deletes the elements of a slice of keys, and returns how many. Kernel: 5.6+.
func (m *Map) BatchDelete(keys any, opts *BatchOptions) (int, error) {
	k := reflect.ValueOf(keys)
	if k.Kind() != reflect.Slice {
		return 0, fmt.Errorf("batch delete from map %s: %T is no slice of keys", m.info.Name, keys)
	}
	raw, err := packed(k, int(m.info.KeySize), int(m.info.KeySize))
	if err != nil {
		return 0, fmt.Errorf("keys of map %s: %w", m.info.Name, err)
	}
	return m.batchPut("batch delete from", host.BatchDelete, raw, nil, k.Len(), opts)
}

func (m *Map) batchPut(what string, cmd int32, keys, values []byte, many int, opts *BatchOptions) (int, error) {
	if m.collection.obj == 0 {
		return 0, fmt.Errorf("%s map %s: %w", what, m.info.Name, ErrClosed)
	}
	count := uint32(many)
	answer := host.Batch(m.info.FD, cmd, nil, nil, keys, values, &count, opts.flags())
	return int(count), m.batchFailure(answer, what)
}

func (o *BatchOptions) flags() uint64 {
	if o == nil {
		return 0
	}
	return o.ElemFlags
}

func (m *Map) batchTake(what string, cmd int32, cursor *MapBatchCursor, keysOut, valuesOut any, opts *BatchOptions) (int, error) {
	k, v := reflect.ValueOf(keysOut), reflect.ValueOf(valuesOut)
	if k.Kind() != reflect.Slice || v.Kind() != reflect.Slice || m.places(v) < k.Len() {
		return 0, fmt.Errorf("%s map %s: keys and values are two slices, with room for as many", what, m.info.Name)
	}
	if cursor.m != nil && cursor.m != m {
		return 0, fmt.Errorf("%s map %s: the cursor is one of map %s", what, m.info.Name, cursor.m.info.Name)
	}
	keys, values := make([]byte, k.Len()*int(m.info.KeySize)), make([]byte, k.Len()*m.fullSize)
	many, answer, err := m.batchRaw(cmd, cursor, keys, values, k.Len(), opts)
	if err == nil {
		err = m.batchFailure(answer, what)
	}
	if e := unpacked(k, keys, many, int(m.info.KeySize), int(m.info.KeySize)); e != nil {
		return 0, fmt.Errorf("keys of map %s: %w", m.info.Name, e)
	}
	if e := unpacked(v, values, many*m.each(), int(m.info.ValueSize), m.step()); e != nil {
		return 0, fmt.Errorf("values of map %s: %w", m.info.Name, e)
	}
	return many, err
}

func (m *Map) batchRaw(cmd int32, cursor *MapBatchCursor, keys, values []byte, room int, opts *BatchOptions) (int, int32, error) {
	if m.collection.obj == 0 {
		return 0, 0, fmt.Errorf("batch of map %s: %w", m.info.Name, ErrClosed)
	}
	if cursor.m == nil {
		cursor.m, cursor.opaque = m, make([]byte, max(16, m.info.KeySize))
	}
	var in []byte
	if cursor.isSet {
		in = cursor.opaque
	}
	out := make([]byte, len(cursor.opaque))
	count := uint32(room)
	answer := host.Batch(m.info.FD, cmd, in, out, keys, values, &count, opts.flags())
	if answer < 0 && linux.Errno(-answer) != linux.ENOENT {
		return 0, answer, nil // what the count is then, the kernel leaves open
	}
	cursor.opaque, cursor.isSet = out, true
	return min(int(count), room), answer, nil
}

// A batch's end is no failure that the host has words about.
func (m *Map) batchFailure(answer int32, what string) error {
	if answer < 0 && linux.Errno(-answer) != linux.ENOENT && linux.Errno(-answer) != linux.EEXIST {
		return host.Failure(answer, "%s map %s", what, m.info.Name)
	}
	return keyed(answer, what, m.info.Name)
}

// each is how many values an element has; places, how many elements a slice of values has room for.
func (m *Map) each() int { return max(1, int(m.info.CPUs)) }

func (m *Map) places(values reflect.Value) int { return values.Len() / m.each() }

// step is the distance of two values.
func (m *Map) step() int { return m.fullSize / m.each() }

// packed returns elements as bpf(2) takes them: those of each CPU at multiples of 8.
func packed(list reflect.Value, size, step int) ([]byte, error) {
	raw := make([]byte, list.Len()*step)
	for i := range list.Len() {
		one, err := layout.Bytes(list.Index(i).Interface(), size)
		if err != nil {
			return nil, err
		}
		copy(raw[i*step:], one)
	}
	return raw, nil
}

func unpacked(list reflect.Value, raw []byte, many, size, step int) error {
	if element := list.Type().Elem(); step == size && layout.IsFixed(element) && int(element.Size()) == size && many > 0 {
		copy(unsafe.Slice((*byte)(list.UnsafePointer()), list.Len()*size), raw[:many*size])
		return nil
	}
	for i := range many {
		if err := layout.Into(list.Index(i).Addr().Interface(), raw[i*step:i*step+size]); err != nil {
			return err
		}
	}
	return nil
}
