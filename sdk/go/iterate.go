package ebpf

import (
	"errors"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/linux"
)

const batchRoom = 256 // elements of one host call

// MapIterator walks the elements of a map.
type MapIterator struct {
	m            *Map
	err          error
	isDone       bool
	walksSingly  bool // where the kernel or the map's type has no batches
	cursor       MapBatchCursor
	keys, values []byte
	at, many     int
	isLast       bool // no batch comes behind this one
	previous     []byte
	left         uint64 // a map that changes could be walked for ever
}

// Iterate begins a walk. An element that is deleted or put meanwhile may be seen or not.
func (m *Map) Iterate() *MapIterator {
	switch m.Type() {
	case Hash, LRUHash, Array:
		return &MapIterator{m: m, left: 2*uint64(m.info.MaxEntries) + batchRoom}
	}
	return &MapIterator{m: m, walksSingly: true, left: 2 * uint64(m.info.MaxEntries)}
}

// Next copies the next element to what both arguments point to. False behind the last, and after an error: see Err.
func (i *MapIterator) Next(keyOut, valueOut any) bool {
	if i.err != nil || i.isDone {
		return false
	}
	if i.left == 0 {
		i.err = ErrIterationAborted
		return false
	}
	i.left--
	key, value := i.step()
	if key == nil {
		i.isDone = true
		return false
	}
	if i.err = i.m.keyTo(keyOut, key); i.err == nil {
		i.err = i.m.valueTo(valueOut, value)
	}
	return i.err == nil
}

// Err returns why a walk ended early, nil if it came to the end.
func (i *MapIterator) Err() error { return i.err }

func (i *MapIterator) step() (key, value []byte) {
	for !i.walksSingly && i.at == i.many {
		if i.isLast || !i.fill() && !i.walksSingly {
			return nil, nil
		}
	}
	if i.walksSingly {
		return i.single()
	}
	size, full := int(i.m.info.KeySize), i.m.fullSize
	key, value = i.keys[i.at*size:(i.at+1)*size], i.values[i.at*full:(i.at+1)*full]
	i.at++
	return key, value
}

// fill gets the next batch. False at an error, and where there is no such thing: then the walk goes element by element.
func (i *MapIterator) fill() bool {
	if i.keys == nil {
		i.grow(min(batchRoom, max(1, int(i.m.info.MaxEntries))))
	}
	room := len(i.keys) / int(i.m.info.KeySize)
	many, answer, err := i.m.batchRaw(host.BatchLookup, &i.cursor, i.keys, i.values, room, nil)
	i.at, i.many, i.err = 0, many, err
	switch {
	case err != nil:
		return false
	case answer >= 0:
		return true
	}
	switch errno := linux.Errno(-answer); {
	case errno == linux.ENOENT:
		i.isLast = true
		return true
	case errno == linux.ENOSPC && room < int(i.m.info.MaxEntries): // a bucket has more elements than there is room for
		i.grow(room * 2)
		return true
	case !i.cursor.isSet:
		i.walksSingly = true
	default:
		i.err = i.m.batchFailure(answer, "iterate")
	}
	return false
}

func (i *MapIterator) grow(room int) {
	i.keys, i.values = make([]byte, room*int(i.m.info.KeySize)), make([]byte, room*i.m.fullSize)
}

func (i *MapIterator) single() (key, value []byte) {
	for {
		var next, found []byte
		err := i.m.NextKey(nilOr(i.previous), &next)
		if errors.Is(err, ErrKeyNotExist) {
			return nil, nil
		}
		if err == nil {
			i.previous = next
			err = i.m.Lookup(next, &found)
		}
		switch {
		case err == nil:
			return next, found
		case !errors.Is(err, ErrKeyNotExist): // deleted since: on to the next
			i.err = err
			return nil, nil
		case i.left == 0:
			i.err = ErrIterationAborted
			return nil, nil
		}
		i.left--
	}
}

func nilOr(key []byte) any {
	if key == nil {
		return nil
	}
	return key
}
