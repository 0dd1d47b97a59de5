package host

import "fmt"

type failure struct {
	line  string
	cause error
}

func (e *failure) Error() string { return e.line }
func (e *failure) Unwrap() error { return e.cause }

// Failure returns nil for answers that are none, else the host's line, or where it has none these words and the errno's.
func Failure(answer int32, format string, args ...any) error {
	cause := Check(answer)
	if cause == nil {
		return nil
	}
	if line := Error(); line != "" {
		return &failure{line, cause}
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), cause)
}
