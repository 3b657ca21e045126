package zcl

import "sconce/zigbee"

// Attributes of the OTA Upgrade cluster. They are the client's: the device that
// is upgraded.
const (
	AttrOTAServer            uint16 = 0x0000
	AttrOTAOffset            uint16 = 0x0001
	AttrOTACurrentVersion    uint16 = 0x0002
	AttrOTADownloadedVersion uint16 = 0x0004
	AttrOTAStatus            uint16 = 0x0006
	AttrOTAManufacturer      uint16 = 0x0007
	AttrOTAImageType         uint16 = 0x0008
	AttrOTABlockPeriod       uint16 = 0x0009
)

var otaCluster = ClusterInfo{
	ID: ClusterOTA, Name: "OTA Upgrade", Clause: "11", Revision: 4,
	Attributes: []AttributeInfo{
		{ID: AttrOTAServer, Name: "UpgradeServerID", Type: TypeEUI64, Access: OfClient, Clause: "11.10"},
		{ID: AttrOTAOffset, Name: "FileOffset", Type: TypeUint32, Access: OfClient, Unit: "byte", Clause: "11.10"},
		{ID: AttrOTACurrentVersion, Name: "CurrentFileVersion", Type: TypeUint32, Access: OfClient, Clause: "11.10"},
		{ID: AttrOTADownloadedVersion, Name: "DownloadedFileVersion", Type: TypeUint32, Access: OfClient, Clause: "11.10"},
		{ID: AttrOTAStatus, Name: "ImageUpgradeStatus", Type: TypeEnum8, Access: OfClient, Clause: "11.10"},
		{ID: AttrOTAManufacturer, Name: "ManufacturerID", Type: TypeUint16, Access: OfClient, Clause: "11.10"},
		{ID: AttrOTAImageType, Name: "ImageTypeID", Type: TypeUint16, Access: OfClient, Clause: "11.10"},
		{ID: AttrOTABlockPeriod, Name: "MinimumBlockPeriod", Type: TypeUint16, Access: OfClient, Unit: "ms", Clause: "11.10"},
	},
	Commands: []CommandInfo{
		{Command: 0x01, Name: "QueryNextImageRequest", Clause: "11.13.4", parse: parseQueryNextImage},
		{Command: 0x03, Name: "ImageBlockRequest", Clause: "11.13.6", parse: parseImageBlock},
		{Command: 0x06, Name: "UpgradeEndRequest", Clause: "11.13.9", parse: func(r *reader) Command { return UpgradeEnd{Status(r.u8()), r.image()} }},
		{Command: 0x00, FromServer: true, Name: "ImageNotify", Clause: "11.13.3", parse: parseImageNotify},
		{Command: 0x02, FromServer: true, Name: "QueryNextImageResponse", Clause: "11.13.5", parse: parseNextImage},
		{Command: 0x05, FromServer: true, Name: "ImageBlockResponse", Clause: "11.13.8", parse: parseImageBlockResponse},
		{Command: 0x07, FromServer: true, Name: "UpgradeEndResponse", Clause: "11.13.9", parse: func(r *reader) Command { return UpgradeEndResponse{r.image(), r.u32(), r.u32()} }},
	},
}

// ImageID names an image: for which devices, and which version. In an
// [ImageNotify], a request and a wait, 0xffff and 0xffffffff stand for any.
type ImageID struct {
	Manufacturer uint16
	Type         uint16
	Version      uint32
}

// The commands of the OTA Upgrade cluster (07-5123-08, 11.13). The server is
// whoever has the images.
type (
	// ImageNotify says that there is a new image.
	ImageNotify struct {
		Detail uint8 // how much of Image is sent: 0 nothing, 1 the maker, 2 and the type, 3 and the version
		Jitter uint8 // 1 to 100: the share of the devices, in percent, that are to ask
		Image  ImageID
	}

	// QueryNextImage asks whether there is a newer image.
	QueryNextImage struct {
		Image       ImageID // that runs
		HasHardware bool
		Hardware    uint16 // version; only when HasHardware
	}

	// NextImage answers [QueryNextImage].
	NextImage struct {
		Status Status
		Image  ImageID // only with [Success]
		Size   uint32  // bytes; only with [Success]
	}

	// ImageBlock asks for a part of an image.
	ImageBlock struct {
		Image          ImageID
		Offset         uint32
		MaxSize        uint8
		HasRequester   bool
		Requester      zigbee.EUI64 // only when HasRequester
		HasBlockPeriod bool
		BlockPeriod    uint16 // milliseconds between requests; only when HasBlockPeriod
	}

	// ImageBlockResponse answers [ImageBlock].
	ImageBlockResponse struct {
		Status Status

		Image  ImageID // with [Success]
		Offset uint32  // with [Success]
		Data   []byte  // with [Success]; at most 255

		Now         uint32 // with [WaitForData]: as [TypeUTC]
		RequestAt   uint32 // with [WaitForData]: when to ask again, as Now
		BlockPeriod uint16 // with [WaitForData]: milliseconds
	}

	// UpgradeEnd says how a download ended.
	UpgradeEnd struct {
		Status Status
		Image  ImageID
	}

	// UpgradeEndResponse says when to run the image: at UpgradeAt of the clock
	// that shows Now; 0xffffffff is to wait for another one.
	UpgradeEndResponse struct {
		Image          ImageID
		Now, UpgradeAt uint32
	}
)

// ID implements [Command].
func (ImageNotify) ID() CommandID { return toClient(ClusterOTA, 0x00) }

// ID implements [Command].
func (QueryNextImage) ID() CommandID { return toServer(ClusterOTA, 0x01) }

// ID implements [Command].
func (NextImage) ID() CommandID { return toClient(ClusterOTA, 0x02) }

// ID implements [Command].
func (ImageBlock) ID() CommandID { return toServer(ClusterOTA, 0x03) }

// ID implements [Command].
func (ImageBlockResponse) ID() CommandID { return toClient(ClusterOTA, 0x05) }

// ID implements [Command].
func (UpgradeEnd) ID() CommandID { return toServer(ClusterOTA, 0x06) }

// ID implements [Command].
func (UpgradeEndResponse) ID() CommandID { return toClient(ClusterOTA, 0x07) }

// Append implements [Command].
func (c ImageNotify) Append(b []byte) []byte {
	b = append(b, c.Detail, c.Jitter)
	if c.Detail >= 1 {
		b = appendU16(b, c.Image.Manufacturer)
	}
	if c.Detail >= 2 {
		b = appendU16(b, c.Image.Type)
	}
	if c.Detail >= 3 {
		b = appendU32(b, c.Image.Version)
	}
	return b
}

// Append implements [Command].
func (c QueryNextImage) Append(b []byte) []byte {
	b = c.Image.append(AppendValue(b, Bool(c.HasHardware)))
	if c.HasHardware {
		b = appendU16(b, c.Hardware)
	}
	return b
}

// Append implements [Command].
func (c NextImage) Append(b []byte) []byte {
	b = append(b, uint8(c.Status))
	if c.Status == Success {
		b = appendU32(c.Image.append(b), c.Size)
	}
	return b
}

// Bits of the field control of an [ImageBlock].
const (
	blockRequester = 1 << 0
	blockPeriod    = 1 << 1
)

// Append implements [Command].
func (c ImageBlock) Append(b []byte) []byte {
	var control uint8
	if c.HasRequester {
		control |= blockRequester
	}
	if c.HasBlockPeriod {
		control |= blockPeriod
	}
	b = append(appendU32(c.Image.append(append(b, control)), c.Offset), c.MaxSize)
	if c.HasRequester {
		b = appendU64(b, uint64(c.Requester))
	}
	if c.HasBlockPeriod {
		b = appendU16(b, c.BlockPeriod)
	}
	return b
}

// Append implements [Command].
func (c ImageBlockResponse) Append(b []byte) []byte {
	b = append(b, uint8(c.Status))
	switch c.Status {
	case Success:
		data := c.Data[:min(len(c.Data), 255)]
		return append(append(appendU32(c.Image.append(b), c.Offset), uint8(len(data))), data...)
	case WaitForData:
		return appendU16(appendU32(appendU32(b, c.Now), c.RequestAt), c.BlockPeriod)
	}
	return b
}

// Append implements [Command].
func (c UpgradeEnd) Append(b []byte) []byte { return c.Image.append(append(b, uint8(c.Status))) }

// Append implements [Command].
func (c UpgradeEndResponse) Append(b []byte) []byte {
	return appendU32(appendU32(c.Image.append(b), c.Now), c.UpgradeAt)
}

func (i ImageID) append(b []byte) []byte {
	return appendU32(appendU16(appendU16(b, i.Manufacturer), i.Type), i.Version)
}

func (r *reader) image() ImageID { return ImageID{r.u16(), r.u16(), r.u32()} }

func parseImageNotify(r *reader) Command {
	c := ImageNotify{Detail: r.u8(), Jitter: r.u8()}
	if c.Detail > 3 || c.Jitter == 0 || c.Jitter > 100 {
		r.bad = true
	}
	if c.Detail >= 1 {
		c.Image.Manufacturer = r.u16()
	}
	if c.Detail >= 2 {
		c.Image.Type = r.u16()
	}
	if c.Detail >= 3 {
		c.Image.Version = r.u32()
	}
	return c
}

func parseQueryNextImage(r *reader) Command {
	c := QueryNextImage{HasHardware: r.u8()&1 != 0, Image: r.image()}
	if c.HasHardware {
		c.Hardware = r.u16()
	}
	return c
}

func parseNextImage(r *reader) Command {
	c := NextImage{Status: Status(r.u8())}
	if c.Status == Success {
		c.Image, c.Size = r.image(), r.u32()
	}
	return c
}

func parseImageBlock(r *reader) Command {
	control := r.u8()
	c := ImageBlock{
		Image: r.image(), Offset: r.u32(), MaxSize: r.u8(),
		HasRequester: control&blockRequester != 0, HasBlockPeriod: control&blockPeriod != 0,
	}
	if c.HasRequester {
		c.Requester = zigbee.EUI64(r.uint(8))
	}
	if c.HasBlockPeriod {
		c.BlockPeriod = r.u16()
	}
	return c
}

func parseImageBlockResponse(r *reader) Command {
	c := ImageBlockResponse{Status: Status(r.u8())}
	switch c.Status {
	case Success:
		c.Image, c.Offset = r.image(), r.u32()
		c.Data = append([]byte(nil), r.take(int(r.u8()))...)
	case WaitForData:
		c.Now, c.RequestAt, c.BlockPeriod = r.u32(), r.u32(), r.u16()
	}
	return c
}
