package zcl

// Attributes of the Poll Control cluster.
const (
	AttrCheckInInterval    uint16 = 0x0000
	AttrLongPollInterval   uint16 = 0x0001
	AttrShortPollInterval  uint16 = 0x0002
	AttrFastPollTimeout    uint16 = 0x0003
	AttrCheckInIntervalMin uint16 = 0x0004
	AttrLongPollMin        uint16 = 0x0005
	AttrFastPollTimeoutMax uint16 = 0x0006
)

// MaxPollInterval is the longest check-in and long poll interval, in quarters of
// a second (07-5123-08, 3.16.4.2): twenty days.
const MaxPollInterval uint32 = 0x6e0000

var pollCluster = ClusterInfo{
	ID: ClusterPollControl, Name: "Poll Control", Clause: "3.16", Revision: 2,
	Attributes: []AttributeInfo{
		{ID: AttrCheckInInterval, Name: "CheckinInterval", Type: TypeUint32, Access: Writable, Max: uint64(MaxPollInterval), Unit: "0.25 s", Clause: "3.16.4.2"},
		{ID: AttrLongPollInterval, Name: "LongPollInterval", Type: TypeUint32, Unit: "0.25 s", Clause: "3.16.4.2"},
		{ID: AttrShortPollInterval, Name: "ShortPollInterval", Type: TypeUint16, Unit: "0.25 s", Clause: "3.16.4.2"},
		{ID: AttrFastPollTimeout, Name: "FastPollTimeout", Type: TypeUint16, Access: Writable, Min: 1, Max: 0xffff, Unit: "0.25 s", Clause: "3.16.4.2"},
		{ID: AttrCheckInIntervalMin, Name: "CheckinIntervalMin", Type: TypeUint32, Unit: "0.25 s", Clause: "3.16.4.2"},
		{ID: AttrLongPollMin, Name: "LongPollIntervalMin", Type: TypeUint32, Unit: "0.25 s", Clause: "3.16.4.2"},
		{ID: AttrFastPollTimeoutMax, Name: "FastPollTimeoutMax", Type: TypeUint16, Unit: "0.25 s", Clause: "3.16.4.2"},
	},
	Commands: []CommandInfo{
		{Command: 0x00, Name: "CheckinResponse", Clause: "3.16.5.2", parse: func(r *reader) Command { return CheckInResponse{r.flag(), r.u16()} }},
		{Command: 0x01, Name: "FastPollStop", Clause: "3.16.5.3", parse: empty(FastPollStop{})},
		{Command: 0x02, Name: "SetLongPollInterval", Clause: "3.16.5.4", parse: func(r *reader) Command { return SetLongPollInterval{r.u32()} }},
		{Command: 0x03, Name: "SetShortPollInterval", Clause: "3.16.5.5", parse: func(r *reader) Command { return SetShortPollInterval{r.u16()} }},
		{Command: 0x00, FromServer: true, Name: "Checkin", Clause: "3.16.5.1", parse: empty(CheckIn{})},
	},
}

// The commands of the Poll Control cluster (07-5123-08, 3.16.5). Its server is
// the sleepy device. Times are in quarters of a second.
type (
	// CheckIn tells those whom the cluster is bound to that the device is awake.
	CheckIn struct{}

	// CheckInResponse answers a [CheckIn].
	CheckInResponse struct {
		StartFastPolling bool
		FastPollTimeout  uint16 // 0: the attribute's
	}

	// FastPollStop ends fast polling.
	FastPollStop struct{}

	// SetLongPollInterval sets how often the device polls when nothing is up.
	SetLongPollInterval struct{ Interval uint32 }

	// SetShortPollInterval sets how often the device polls when it polls fast.
	SetShortPollInterval struct{ Interval uint16 }
)

// ID implements [Command].
func (CheckIn) ID() CommandID { return toClient(ClusterPollControl, 0x00) }

// ID implements [Command].
func (CheckInResponse) ID() CommandID { return toServer(ClusterPollControl, 0x00) }

// ID implements [Command].
func (FastPollStop) ID() CommandID { return toServer(ClusterPollControl, 0x01) }

// ID implements [Command].
func (SetLongPollInterval) ID() CommandID { return toServer(ClusterPollControl, 0x02) }

// ID implements [Command].
func (SetShortPollInterval) ID() CommandID { return toServer(ClusterPollControl, 0x03) }

// Append implements [Command].
func (CheckIn) Append(b []byte) []byte { return b }

// Append implements [Command].
func (c CheckInResponse) Append(b []byte) []byte {
	return appendU16(AppendValue(b, Bool(c.StartFastPolling)), c.FastPollTimeout)
}

// Append implements [Command].
func (FastPollStop) Append(b []byte) []byte { return b }

// Append implements [Command].
func (c SetLongPollInterval) Append(b []byte) []byte { return appendU32(b, c.Interval) }

// Append implements [Command].
func (c SetShortPollInterval) Append(b []byte) []byte { return appendU16(b, c.Interval) }
