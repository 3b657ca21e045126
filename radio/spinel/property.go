package spinel

import "fmt"

// Property names a value that an RCP holds.
type Property uint32

// The properties, and in brackets the type of the value in the notation of
// spinel.h.
const (
	LastStatus           Property = 0x00 // [i], after a transmission see [TxDone]
	ProtocolVersion      Property = 0x01 // [ii] major, minor
	NCPVersion           Property = 0x02 // [U]
	InterfaceType        Property = 0x03 // [i] 3 for Thread, and so for every RCP
	VendorID             Property = 0x04 // [i]
	Caps                 Property = 0x05 // [A(i)], see [Cap]
	InterfaceCount       Property = 0x06 // [C]
	HWAddr               Property = 0x08 // [E]
	PHYEnabled           Property = 0x20 // [b]
	PHYChan              Property = 0x21 // [C]
	PHYChanSupported     Property = 0x22 // [A(C)]
	PHYFreq              Property = 0x23 // [L] kHz
	PHYCCAThreshold      Property = 0x24 // [c] dBm
	PHYTxPower           Property = 0x25 // [c] dBm
	PHYRSSI              Property = 0x26 // [c] dBm
	PHYRxSensitivity     Property = 0x27 // [c] dBm
	PHYChanPreferred     Property = 0x29 // [A(C)]
	MACScanState         Property = 0x30 // [C], see [ScanIdle]
	MACScanMask          Property = 0x31 // [A(C)], an RCP takes one channel
	MACScanPeriod        Property = 0x32 // [S] ms
	MACLongAddress       Property = 0x34 // [E]
	MACShortAddress      Property = 0x35 // [S]
	MACPANID             Property = 0x36 // [S]
	MACRawStreamEnabled  Property = 0x37 // [b]
	MACPromiscuousMode   Property = 0x38 // [C], 0 is off
	MACEnergyScanResult  Property = 0x39 // [Cc] channel, dBm
	MACRxOnWhenIdle      Property = 0x3b // [b]
	StreamRaw            Property = 0x71 // to the RCP [TxRequest], from it [RxFrame]
	RCPAPIVersion        Property = 0xb0 // [i]
	RCPMinHostAPIVersion Property = 0xb1 // [i]
	RadioCaps            Property = 0x120b
	SrcMatchEnabled      Property = 0x1303 // [b]; off: every data request is told that data is pending
	SrcMatchShort        Property = 0x1304 // [A(S)]
	SrcMatchExtended     Property = 0x1305 // [A(E)]
	RCPTimestamp         Property = 0x0802 // [X] microseconds
)

func (p Property) String() string { return fmt.Sprintf("property 0x%02x", uint32(p)) }

// The values of [MACScanState].
const (
	ScanIdle   = 0
	ScanEnergy = 2
)

// Cap is a capability, a member of the value of [Caps].
type Cap uint32

// The capabilities of an RCP.
const (
	CapIEEE802154v2006   Cap = 17
	CapOQPSK             Cap = 24 // 2450 MHz
	CapConfigRadio       Cap = 34 // it is an RCP
	CapRCPAPIVersion     Cap = 64
	CapRCPMinHostVersion Cap = 65
	CapMACRaw            Cap = 513
)

// The bits of the value of [RadioCaps] (OT_RADIO_CAPS of OpenThread's radio.h).
const (
	RadioAckTimeout   = 1 << 0
	RadioEnergyScan   = 1 << 1
	RadioRetries      = 1 << 2
	RadioCSMABackoff  = 1 << 3
	RadioSleepToTx    = 1 << 4
	RadioRxOnWhenIdle = 1 << 8
)
