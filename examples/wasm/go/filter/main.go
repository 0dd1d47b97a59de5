// Between a tool and its output: of opensnoop's events those that failed below one folder, with how often each path has failed.
package main

import (
	"fmt"
	"strings"
	"unsafe"

	"eunomia.dev/ebpf/events"
	"eunomia.dev/ebpf/linux"
)

var (
	seen      = map[string]int64{}
	nrDropped int
)

func init() { events.Handle(events.Handlers{Event: judge, End: end}) }

func main() {} // what is exported is called

func judge(event *events.Event) events.Verdict {
	var open opensnoopEvent
	if open.UnmarshalBinary(event.Record) != nil {
		return events.Pass
	}
	path := linux.ByteSliceToString(event.Record[unsafe.Sizeof(open):]) // behind the members of fixed size
	if open.Err == 0 || !strings.HasPrefix(path, "/nowhere/") {
		nrDropped++
		return events.Drop
	}
	seen[path]++
	event.AddNumber("times", seen[path])
	return events.Pass
}

func end() { fmt.Println(nrDropped, "others") }
