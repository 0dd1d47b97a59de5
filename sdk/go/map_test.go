//go:build !wasip1

package ebpf

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"eunomia.dev/ebpf/internal/host"
	"eunomia.dev/ebpf/linux"
)

func TestIntegersStructsAndBytesGoIntoAMapAndComeBack(t *testing.T) {
	type pair struct{ A, B uint32 }
	m := fake(t, hash("pairs", 4, 8)).Maps["pairs"]

	for key, value := range map[any]any{uint32(1): uint64(7), int32(2): &pair{3, 4}, [4]byte{3}: [8]byte{9}} {
		if err := m.Put(key, value); err != nil {
			t.Fatal(err)
		}
	}

	var number uint64
	var both pair
	var raw []byte
	if err := errors.Join(m.Lookup(uint32(1), &number), m.Lookup(uint32(2), &both), m.Lookup(uint32(3), &raw)); err != nil {
		t.Fatal(err)
	}
	if number != 7 || both != (pair{3, 4}) || len(raw) != 8 || raw[0] != 9 {
		t.Fatal(number, both, raw)
	}
}

func TestMissingAndPresentKeysMatchWhatCiliumAndLinuxCallThem(t *testing.T) {
	m := fake(t, hash("counts", 4, 4)).Maps["counts"]
	_ = m.Put(uint32(1), uint32(1))

	missing := m.Lookup(uint32(2), new(uint32))
	present := m.Update(uint32(1), uint32(1), UpdateNoExist)

	for _, target := range []error{ErrKeyNotExist, linux.ENOENT, fs.ErrNotExist} {
		if !errors.Is(missing, target) {
			t.Errorf("%v is not %v", missing, target)
		}
	}
	if !errors.Is(present, ErrKeyExist) || !errors.Is(present, linux.EEXIST) || errors.Is(present, ErrKeyNotExist) {
		t.Error(present)
	}
	if missing.Error() != "lookup in map counts: key does not exist" {
		t.Error(missing)
	}
	if raw, err := m.LookupBytes(uint32(2)); raw != nil || err != nil {
		t.Error(raw, err)
	}
}

func TestAWrongSizeSaysWhichAndWhatWasExpected(t *testing.T) {
	m := fake(t, hash("counts", 4, 8)).Maps["counts"]

	for want, err := range map[string]error{
		"key of map counts: 8 bytes, expected 4":             m.Put(uint64(1), uint64(1)),
		"value of map counts: 4 bytes, expected 8":           m.Put(uint32(1), uint32(1)),
		"key of map counts: nil, expected 4 bytes":           m.Delete(nil),
		"key of map counts: map[int]int has no fixed size":   m.Delete(map[int]int{}),
		"value of map counts: 2 bytes, expected 8":           m.Put(uint32(1), "ab"),
		"key of map counts: []string has elements without a": m.Delete([]string{"x"}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
}

func TestPaddingOfAKeyIsZero(t *testing.T) {
	type key struct {
		A uint8
		B uint32
		_ [4]byte
		C uint16
	}
	counts := hash("keys", 16, 4)
	m := fake(t, counts).Maps["keys"]
	k := key{A: 1, B: 2, C: 3}

	if err := m.Put(k, uint32(1)); err != nil {
		t.Fatal(err)
	}

	want := "\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00"
	if got := counts.keys()[0]; got != want {
		t.Fatalf("%q", got)
	}
}

func TestPerCPUValuesAreSlices(t *testing.T) {
	per := &fakeMap{info: host.Map{Name: "per", Type: uint32(PerCPUHash), KeySize: 4, ValueSize: 4, CPUs: 2, MaxEntries: 8}}
	m := fake(t, per).Maps["per"]

	if err := m.Put(uint32(1), []uint32{5, 6}); err != nil {
		t.Fatal(err)
	}
	var got []uint32
	if err := m.Lookup(uint32(1), &got); err != nil || !reflect.DeepEqual(got, []uint32{5, 6}) {
		t.Fatal(got, err)
	}
	if raw := per.elements[u32(1)]; raw != u32(5)+u32(0)+u32(6)+u32(0) {
		t.Fatalf("%q", raw)
	}
	err := m.Put(uint32(1), []uint32{5})
	if err == nil || !strings.Contains(err.Error(), "one for each of 2 CPUs") {
		t.Fatal(err)
	}
}

func TestIterateSeesEveryElementOnceWithAndWithoutBatches(t *testing.T) {
	for _, batches := range []bool{true, false} {
		counts := hash("counts", 4, 4)
		counts.batches = batches
		m := fake(t, counts).Maps["counts"]
		for i := range uint32(700) {
			_ = m.Put(i, i*2)
		}

		seen := map[uint32]uint32{}
		var key, value uint32
		walk := m.Iterate()
		for walk.Next(&key, &value) {
			if _, again := seen[key]; again {
				t.Fatal(key, "twice")
			}
			seen[key] = value
		}

		if walk.Err() != nil || len(seen) != 700 || seen[699] != 1398 {
			t.Fatal(batches, len(seen), walk.Err())
		}
	}
}

func TestBatchLookupEndsWithErrKeyNotExistAndTheLastElements(t *testing.T) {
	counts := hash("counts", 4, 4)
	counts.batches = true
	m := fake(t, counts).Maps["counts"]
	for i := range uint32(5) {
		_ = m.Put(i, i+100)
	}
	var cursor MapBatchCursor
	keys, values := make([]uint32, 3), make([]uint32, 3)

	first, err := m.BatchLookup(&cursor, keys, values, nil)
	if first != 3 || err != nil || values[2] != 102 {
		t.Fatal(first, err, values)
	}
	rest, err := m.BatchLookup(&cursor, keys, values, nil)
	if rest != 2 || !errors.Is(err, ErrKeyNotExist) || values[1] != 104 {
		t.Fatal(rest, err, values)
	}
}

func TestAClosedCollectionAnswersWithErrClosed(t *testing.T) {
	c := fake(t, hash("counts", 4, 4))
	host.Fake.Close = func(uint64) int32 { return 0 }
	m := c.Maps["counts"]

	c.Close()
	c.Close()

	for _, err := range []error{m.Put(uint32(1), uint32(1)), m.Lookup(uint32(1), new(uint32)), m.Delete(uint32(1))} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

func TestVerifierErrorIsOneLineAndKeepsItsLog(t *testing.T) {
	host.Fake.Error = func() string {
		return "load program x: permission denied\n1: (79) r1 = *(u64 *)(r1 +0)\n2: invalid mem access\n"
	}
	defer func() { host.Fake.Error = nil }()

	err := loadFailure(-int32(linux.EACCES))

	var verifier *VerifierError
	if !errors.As(err, &verifier) || !errors.Is(err, linux.EACCES) || !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	if err.Error() != "load program x: permission denied" || len(verifier.Log) != 3 {
		t.Fatal(err, verifier.Log)
	}
	if full := fmt.Sprintf("%+v", verifier); !strings.HasSuffix(full, "\n\t2: invalid mem access") {
		t.Fatal(full)
	}
}
