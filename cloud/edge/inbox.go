package edge

import "sync"

const (
	idleBuffer = 512      // bytes of a connection's read buffer while little comes
	busyBuffer = 16 << 10 // while more is waiting than that holds
)

// inbox is the read buffer of a connection. Most connections are idle most of
// the time, so a large buffer is borrowed while there is much to read and given
// back before the connection waits for more.
type inbox struct {
	pool *sync.Pool // of *[]byte with busyBuffer bytes
	own  [idleBuffer]byte
	lent *[]byte
	buf  []byte // own, *lent, or one made for a large packet
	have int    // bytes at the front of buf that were not consumed
	full bool   // the last read filled the buffer
}

// space returns where to read to, which is never empty.
func (in *inbox) space() []byte {
	switch {
	case in.buf == nil:
		in.buf = in.own[:]
	case in.full && len(in.buf) < busyBuffer:
		lent := in.pool.Get().(*[]byte)
		copy(*lent, in.buf[:in.have])
		in.buf, in.lent = *lent, lent
	case in.have == len(in.buf): // a packet that is larger still
		larger := make([]byte, 2*len(in.buf))
		copy(larger, in.buf)
		in.giveBack()
		in.buf = larger
	case in.have < idleBuffer && !in.full && len(in.buf) > idleBuffer:
		copy(in.own[:], in.buf[:in.have])
		in.giveBack()
		in.buf = in.own[:]
	}
	return in.buf[in.have:]
}

// add takes in n bytes that were read to the space, and returns all that there are.
func (in *inbox) add(n int) []byte {
	in.full = in.have+n == len(in.buf)
	in.have += n
	return in.buf[:in.have]
}

// consumed removes the first n bytes.
func (in *inbox) consumed(n int) { in.have = copy(in.buf, in.buf[n:in.have]) }

func (in *inbox) giveBack() {
	if in.lent != nil {
		in.pool.Put(in.lent)
		in.lent = nil
	}
}
