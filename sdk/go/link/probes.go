package link

import (
	"fmt"
	"strconv"
	"strings"

	"eunomia.dev/ebpf"
)

// Executable is a program or library whose functions can be probed.
type Executable struct{ path string }

// UprobeOptions say more of where a uprobe attaches. There must be no cookie.
type UprobeOptions struct {
	Offset uint64
	PID    int // only in this process
	Cookie uint64
}

// UprobeMultiOptions say more of where a program of uprobe.multi attaches. There must be no cookies.
type UprobeMultiOptions struct {
	PID     uint32
	Cookies []uint64
}

// KprobeMultiOptions says where a program of kprobe.multi attaches. Symbols may be patterns. There must be no cookies.
type KprobeMultiOptions struct {
	Symbols []string
	Cookies []uint64
}

// KprobeMulti attaches to many functions of the kernel; the program's section is kprobe.multi.
func KprobeMulti(program *ebpf.Program, opts KprobeMultiOptions) (Link, error) {
	return many("kprobe:", opts.Symbols, "", program, opts.Cookies, false)
}

// KretprobeMulti attaches to the return of many functions; the program's section is kretprobe.multi.
func KretprobeMulti(program *ebpf.Program, opts KprobeMultiOptions) (Link, error) {
	return many("kprobe:", opts.Symbols, "", program, opts.Cookies, true)
}

func many(kind string, symbols []string, options string, program *ebpf.Program, cookies []uint64, isReturn bool) (Link, error) {
	if err := noCookie(cookies...); err != nil {
		return nil, err
	}
	if len(symbols) == 0 {
		return nil, fmt.Errorf("attach to %s functions without a symbol", strings.TrimSuffix(kind, ":"))
	}
	return probe(kind+word(strings.Join(symbols, "|"))+options, program, isReturn)
}

// OpenExecutable names a program or library of the host: its path, or a name that the host looks up. Whether it is there, attaching says.
func OpenExecutable(path string) (*Executable, error) {
	if path == "" {
		return nil, fmt.Errorf("the path of an executable is empty")
	}
	return &Executable{path}, nil
}

// Uprobe attaches to a function. Which end of it, the program's section says.
func (e *Executable) Uprobe(symbol string, program *ebpf.Program, opts *UprobeOptions) (Link, error) {
	return e.probe(symbol, program, opts, false)
}

// Uretprobe attaches to the return of a function.
func (e *Executable) Uretprobe(symbol string, program *ebpf.Program, opts *UprobeOptions) (Link, error) {
	return e.probe(symbol, program, opts, true)
}

// UprobeMulti attaches to many functions; the program's section is uprobe.multi.
func (e *Executable) UprobeMulti(symbols []string, program *ebpf.Program, opts *UprobeMultiOptions) (Link, error) {
	return e.many(symbols, program, opts, false)
}

// UretprobeMulti attaches to the return of many functions; the program's section is uretprobe.multi.
func (e *Executable) UretprobeMulti(symbols []string, program *ebpf.Program, opts *UprobeMultiOptions) (Link, error) {
	return e.many(symbols, program, opts, true)
}

func (e *Executable) many(symbols []string, program *ebpf.Program, opts *UprobeMultiOptions, isReturn bool) (Link, error) {
	options, cookies := "", []uint64(nil)
	if opts != nil {
		cookies = opts.Cookies
		if opts.PID != 0 {
			options = ",pid=" + strconv.FormatUint(uint64(opts.PID), 10)
		}
	}
	return many("uprobe:"+word(e.path)+":", symbols, options, program, cookies, isReturn)
}

func (e *Executable) probe(symbol string, program *ebpf.Program, opts *UprobeOptions, isReturn bool) (Link, error) {
	if opts != nil {
		if err := noCookie(opts.Cookie); err != nil {
			return nil, err
		}
	}
	return probe(e.target(symbol, opts), program, isReturn)
}

func (e *Executable) target(symbol string, opts *UprobeOptions) string {
	target := "uprobe:" + word(e.path) + ":" + word(symbol)
	if opts != nil && opts.Offset != 0 {
		target += "+" + strconv.FormatUint(opts.Offset, 10)
	}
	if opts != nil && opts.PID != 0 {
		target += ",pid=" + strconv.Itoa(opts.PID)
	}
	return target
}
