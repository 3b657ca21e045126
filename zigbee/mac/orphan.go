package mac

import (
	"time"

	"sconce/zigbee"
)

// Orphan asks on each channel of the mask for the parent that this node has lost
// (7.5.2.1.4). [OrphanDone] tells the end. The answer has no security: it is a hint where to
// look, and nothing more. A scan under way is given up.
func (m *MAC) Orphan(_ time.Time, channels zigbee.ChannelMask) {
	m.forget()
	m.scan = scan{active: true, orphan: true, left: channels, listen: responseWait}
	m.nextChannel()
}

// Realign tells an orphan that it is this node's child (7.3.8).
func (m *MAC) Realign(orphan zigbee.EUI64, short zigbee.ShortAddr) {
	b := AppendHeader(nil, Header{
		Type: TypeCommand, Ack: true, Seq: m.nextSeq(),
		Dst: Extended(zigbee.BroadcastPAN, orphan), Src: Extended(m.pan, m.eui64),
	})
	c := Command{ID: Realignment, PAN: m.pan, Parent: m.short, Channel: m.channel, Short: short}
	m.push(pending{frame: AppendCommand(b, c)})
}

// realigned ends an orphan scan with the first answer. Realignments that nobody
// waits for change nothing: the network says in a secured frame that it moves.
func (m *MAC) realigned(h Header, c Command) {
	if !m.scan.orphan || h.Dst.Mode != ExtendedAddress || c.PAN == zigbee.BroadcastPAN || c.Parent >= 0xfff8 ||
		!zigbee.AllChannels.Has(c.Channel) {
		m.counters.Unsolicited++
		return
	}
	m.forget()
	m.emit(Output{Kind: OrphanDone, OK: true, Parent: Short(c.PAN, c.Parent), Channel: c.Channel, Short: c.Short})
}
