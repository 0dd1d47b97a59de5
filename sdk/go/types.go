package ebpf

import "strconv"

// MapType is the kernel's enum bpf_map_type.
type MapType uint32

// The types of maps, as the kernel numbers them.
const (
	UnspecifiedMap MapType = iota
	Hash
	Array
	ProgramArray
	PerfEventArray
	PerCPUHash
	PerCPUArray
	StackTrace
	CGroupArray
	LRUHash
	LRUCPUHash
	LPMTrie
	ArrayOfMaps
	HashOfMaps
	DevMap
	SockMap
	CPUMap
	XSKMap
	SockHash
	CGroupStorage
	ReusePortSockArray
	PerCPUCGroupStorage
	Queue
	Stack
	SkStorage
	DevMapHash
	StructOpsMap
	RingBuf
	InodeStorage
	TaskStorage
	BloomFilter
	UserRingbuf
	CgroupStorage
	Arena
)

var mapTypes = [...]string{
	"UnspecifiedMap", "Hash", "Array", "ProgramArray", "PerfEventArray", "PerCPUHash", "PerCPUArray", "StackTrace",
	"CGroupArray", "LRUHash", "LRUCPUHash", "LPMTrie", "ArrayOfMaps", "HashOfMaps", "DevMap", "SockMap", "CPUMap", "XSKMap",
	"SockHash", "CGroupStorage", "ReusePortSockArray", "PerCPUCGroupStorage", "Queue", "Stack", "SkStorage", "DevMapHash",
	"StructOpsMap", "RingBuf", "InodeStorage", "TaskStorage", "BloomFilter", "UserRingbuf", "CgroupStorage", "Arena",
}

func (t MapType) String() string { return named(mapTypes[:], uint32(t), "MapType") }

// ProgramType is the kernel's enum bpf_prog_type.
type ProgramType uint32

// The types of programs, as the kernel numbers them.
const (
	UnspecifiedProgram ProgramType = iota
	SocketFilter
	Kprobe
	SchedCLS
	SchedACT
	TracePoint
	XDP
	PerfEvent
	CGroupSKB
	CGroupSock
	LWTIn
	LWTOut
	LWTXmit
	SockOps
	SkSKB
	CGroupDevice
	SkMsg
	RawTracepoint
	CGroupSockAddr
	LWTSeg6Local
	LircMode2
	SkReuseport
	FlowDissector
	CGroupSysctl
	RawTracepointWritable
	CGroupSockopt
	Tracing
	StructOps
	Extension
	LSM
	SkLookup
	Syscall
	Netfilter
)

var programTypes = [...]string{
	"UnspecifiedProgram", "SocketFilter", "Kprobe", "SchedCLS", "SchedACT", "TracePoint", "XDP", "PerfEvent", "CGroupSKB",
	"CGroupSock", "LWTIn", "LWTOut", "LWTXmit", "SockOps", "SkSKB", "CGroupDevice", "SkMsg", "RawTracepoint", "CGroupSockAddr",
	"LWTSeg6Local", "LircMode2", "SkReuseport", "FlowDissector", "CGroupSysctl", "RawTracepointWritable", "CGroupSockopt",
	"Tracing", "StructOps", "Extension", "LSM", "SkLookup", "Syscall", "Netfilter",
}

func (t ProgramType) String() string { return named(programTypes[:], uint32(t), "ProgramType") }

// AttachType is the kernel's enum bpf_attach_type.
type AttachType uint32

// The places that programs attach to, as the kernel numbers them.
const (
	AttachCGroupInetIngress AttachType = iota
	AttachCGroupInetEgress
	AttachCGroupInetSockCreate
	AttachCGroupSockOps
	AttachSkSKBStreamParser
	AttachSkSKBStreamVerdict
	AttachCGroupDevice
	AttachSkMsgVerdict
	AttachCGroupInet4Bind
	AttachCGroupInet6Bind
	AttachCGroupInet4Connect
	AttachCGroupInet6Connect
	AttachCGroupInet4PostBind
	AttachCGroupInet6PostBind
	AttachCGroupUDP4Sendmsg
	AttachCGroupUDP6Sendmsg
	AttachLircMode2
	AttachFlowDissector
	AttachCGroupSysctl
	AttachCGroupUDP4Recvmsg
	AttachCGroupUDP6Recvmsg
	AttachCGroupGetsockopt
	AttachCGroupSetsockopt
	AttachTraceRawTp
	AttachTraceFEntry
	AttachTraceFExit
	AttachModifyReturn
	AttachLSMMac
	AttachTraceIter
	AttachCgroupInet4GetPeername
	AttachCgroupInet6GetPeername
	AttachCgroupInet4GetSockname
	AttachCgroupInet6GetSockname
	AttachXDPDevMap
	AttachCgroupInetSockRelease
	AttachXDPCPUMap
	AttachSkLookup
	AttachXDP
	AttachSkSKBVerdict
	AttachSkReuseportSelect
	AttachSkReuseportSelectOrMigrate
	AttachPerfEvent
	AttachTraceKprobeMulti
	AttachLSMCgroup
	AttachStructOps
	AttachNetfilter
	AttachTCXIngress
	AttachTCXEgress
	AttachTraceUprobeMulti
	AttachCgroupUnixConnect
	AttachCgroupUnixSendmsg
	AttachCgroupUnixRecvmsg
	AttachCgroupUnixGetpeername
	AttachCgroupUnixGetsockname
	AttachNetkitPrimary
	AttachNetkitPeer

	// AttachNone leaves it to the program's section.
	AttachNone AttachType = ^AttachType(0)
)

// MapUpdateFlags are those of BPF_MAP_UPDATE_ELEM.
type MapUpdateFlags uint64

// How an element is updated.
const (
	UpdateAny     MapUpdateFlags = 0
	UpdateNoExist MapUpdateFlags = 1
	UpdateExist   MapUpdateFlags = 2
	UpdateLock    MapUpdateFlags = 4
)

// MapLookupFlags are those of BPF_MAP_LOOKUP_ELEM.
type MapLookupFlags uint64

// LookupLock takes the element's spin lock.
const LookupLock MapLookupFlags = 4

func named(names []string, number uint32, kind string) string {
	if int(number) < len(names) {
		return names[number]
	}
	return kind + "(" + strconv.Itoa(int(number)) + ")"
}
