package events

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"eunomia.dev/ebpf/linux"
)

func batch(records ...string) []byte {
	var raw []byte
	for i, record := range records {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(len(record)))
		raw = binary.LittleEndian.AppendUint32(raw, uint32(i)+10)
		raw = binary.LittleEndian.AppendUint32(raw, uint32(i)+20)
		raw = binary.LittleEndian.AppendUint32(raw, uint32(Pass))
		raw = append(raw, record...)
		raw = append(raw, make([]byte, -len(record)&7)...)
	}
	return raw
}

func TestEachEventOfABatchGetsItsVerdict(t *testing.T) {
	raw := batch("a", "12345678", "")
	var seen []string

	err := walk(raw, func(e *Event) Verdict {
		if e.Source != e.index+10 || e.Type != e.index+20 {
			t.Error(e)
		}
		seen = append(seen, string(e.Record))
		if len(e.Record) == 8 {
			e.Record[0] = 'x'
			return Changed
		}
		return Drop
	})

	if err != nil || !slices.Equal(seen, []string{"a", "12345678", ""}) {
		t.Fatal(seen, err)
	}
	verdicts := []byte{raw[12], raw[24+12], raw[48+12]}
	if !slices.Equal(verdicts, []byte{0, 2, 0}) || raw[24+16] != 'x' {
		t.Fatal(verdicts, raw)
	}
}

func TestWhatIsNoBatchIsAnErrorAndNoCrash(t *testing.T) {
	raw := batch("12345678")
	for end := head; end < len(raw); end++ {
		if err := walk(raw[:end], func(*Event) Verdict { return Pass }); !errors.Is(err, linux.EIO) {
			t.Error(end, err)
		}
	}
	if walk(raw, nil) == nil {
		t.Error("no handler")
	}
}
