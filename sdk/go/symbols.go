package ebpf

import (
	"encoding/binary"
	"errors"
	"strings"
)

// A variable of an object, where its symbol table says it is.
type symbol struct {
	name, section string
	offset, size  uint32
}

var errNoELF = errors.New("not an ELF object for BPF (64-bit, little-endian)")

const (
	sizeOfHeader, sizeOfSection, sizeOfSymbol = 64, 64, 24
	sectionSymbols, typeObject                = 2, 1
)

type elfSection struct {
	name, kind, link uint32
	offset, size     uint64
}

// variables returns the objects in the symbol table that stand in sections of data.
func variables(elf []byte) ([]symbol, error) {
	if len(elf) < sizeOfHeader || string(elf[:6]) != "\x7fELF\x02\x01" {
		return nil, errNoELF
	}
	sections, err := elfSections(elf)
	if err != nil {
		return nil, err
	}
	names := contents(elf, sections, uint32(binary.LittleEndian.Uint16(elf[62:])))
	var found []symbol
	for _, s := range sections {
		if s.kind != sectionSymbols {
			continue
		}
		table, strings := piece(elf, s), contents(elf, sections, s.link)
		for ; len(table) >= sizeOfSymbol; table = table[sizeOfSymbol:] {
			at := uint32(binary.LittleEndian.Uint16(table[6:]))
			if table[4]&15 != typeObject || int(at) >= len(sections) {
				continue
			}
			section := cut(names, sections[at].name)
			if !isData(section) {
				continue
			}
			found = append(found, symbol{
				name: cut(strings, binary.LittleEndian.Uint32(table)), section: section,
				offset: uint32(binary.LittleEndian.Uint64(table[8:])), size: uint32(binary.LittleEndian.Uint64(table[16:])),
			})
		}
	}
	return found, nil
}

func elfSections(elf []byte) ([]elfSection, error) {
	at, many := binary.LittleEndian.Uint64(elf[40:]), int(binary.LittleEndian.Uint16(elf[60:]))
	if at > uint64(len(elf)) || uint64(many)*sizeOfSection > uint64(len(elf))-at {
		return nil, errors.New("the object is cut off")
	}
	sections := make([]elfSection, many)
	for i := range sections {
		raw := elf[at+uint64(i)*sizeOfSection:]
		sections[i] = elfSection{
			name: binary.LittleEndian.Uint32(raw), kind: binary.LittleEndian.Uint32(raw[4:]), link: binary.LittleEndian.Uint32(raw[40:]),
			offset: binary.LittleEndian.Uint64(raw[24:]), size: binary.LittleEndian.Uint64(raw[32:]),
		}
	}
	return sections, nil
}

func contents(elf []byte, sections []elfSection, index uint32) []byte {
	if int64(index) >= int64(len(sections)) {
		return nil
	}
	return piece(elf, sections[index])
}

func piece(elf []byte, s elfSection) []byte {
	if s.offset > uint64(len(elf)) || s.size > uint64(len(elf))-s.offset {
		return nil
	}
	return elf[s.offset : s.offset+s.size]
}

func cut(texts []byte, at uint32) string {
	if uint64(at) >= uint64(len(texts)) {
		return ""
	}
	text, _, _ := strings.Cut(string(texts[at:min(len(texts), int(at)+256)]), "\x00")
	return text
}

func isData(section string) bool {
	for _, kind := range [...]string{".rodata", ".data", ".bss"} {
		if section == kind || strings.HasPrefix(section, kind+".") {
			return true
		}
	}
	return false
}
