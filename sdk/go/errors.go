package ebpf

import (
	"errors"
	"fmt"
	"strings"

	"eunomia.dev/ebpf/linux"
)

// Errors of maps and of what the kernel lacks. The Linux errno is in the chain of whatever is returned, too.
var (
	ErrKeyNotExist      = errors.New("key does not exist")
	ErrKeyExist         = errors.New("key already exists")
	ErrIterationAborted = errors.New("iteration aborted")
	ErrMapIncompatible  = errors.New("map is incompatible")
	ErrNotSupported     = errors.ErrUnsupported
	ErrReadOnly         = errors.New("variable is read-only")
	ErrClosed           = errors.New("collection is closed")
)

// VerifierError is why an object did not load. Its text is one line; Log has the lines that the host gave.
type VerifierError struct {
	Cause error
	Log   []string
}

func (e *VerifierError) Error() string {
	if len(e.Log) == 0 {
		return e.Cause.Error()
	}
	return e.Log[0]
}

// Unwrap returns the errno.
func (e *VerifierError) Unwrap() error { return e.Cause }

// Format writes the whole log for %+v.
func (e *VerifierError) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('+') {
		fmt.Fprint(f, strings.Join(append([]string{e.Error()}, e.Log[min(1, len(e.Log)):]...), "\n\t"))
		return
	}
	fmt.Fprint(f, e.Error())
}

// keyed puts the errors of this package before errnos that say the same of a key.
func keyed(answer int32, what, name string) error {
	switch errno := linux.Errno(-answer); {
	case answer >= 0:
		return nil
	case errno == linux.ENOENT:
		return &keyError{what, name, ErrKeyNotExist, errno}
	case errno == linux.EEXIST:
		return &keyError{what, name, ErrKeyExist, errno}
	default:
		return fmt.Errorf("%s map %s: %w", what, name, errno)
	}
}

type keyError struct {
	what, name string
	meaning    error
	errno      linux.Errno
}

func (e *keyError) Error() string   { return e.what + " map " + e.name + ": " + e.meaning.Error() }
func (e *keyError) Unwrap() []error { return []error{e.meaning, e.errno} }

// lines returns those of the host's text, which has " | " between them.
func lines(text string) []string {
	return strings.Split(strings.ReplaceAll(strings.TrimRight(text, "\n"), " | ", "\n"), "\n")
}
