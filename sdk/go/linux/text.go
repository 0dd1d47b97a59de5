package linux

import "bytes"

// ByteSliceToString returns the text up to the first NUL, as the function of golang.org/x/sys/unix does, which is not for guests.
func ByteSliceToString(raw []byte) string {
	text, _, _ := bytes.Cut(raw, []byte{0})
	return string(text)
}
