// Package powercut makes of what a program wrote to a folder what may be on the disk when
// the power is lost at some moment: for tests of what is said to be durable.
//
// The program runs under strace, which records what it writes, cuts, names and syncs. Of that,
// a disk is only bound to keep what was synced: a file's contents by fsync or fdatasync of the
// file, a name by fsync of its folder (fsync(2); ext4 and others do better, and are not relied on).
// Of everything else it may keep all, nothing, what came first, or any sectors of 512 bytes. What a sync
// that failed was to keep it loses, also when a later one succeeds: the system takes it to be written then
// (https://lwn.net/Articles/752063/).
//
// It follows files of one folder that are written by pwrite64, as SQLite does, and says so when
// another call writes to them. Memory that is mapped is not followed: SQLite maps its -shm file
// alone, which means nothing after a loss of power.
package powercut

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Command returns a command line, to be followed by a program and its arguments, which runs the
// program and records in a file what [Read] reads. The program is its process; strace is another.
// The options go to strace too.
func Command(record string, options ...string) []string {
	return append([]string{
		"strace", "-D", "-f", "--seccomp-bpf", "-q", "-ttt", "-T", "-y", "-xx", "-s", strconv.Itoa(maxWrite),
		"-e", "trace=open,openat,creat,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,unlink,unlinkat,rename,renameat,renameat2",
		"-o", record,
	}, options...)
}

// maxWrite is how much one call may write.
const maxWrite = 1 << 20

// A Disk is a folder as it is on a disk, at one moment.
type Disk struct {
	calls   []call // of the record
	next    int    // the first that has not begun
	ignore  string // ends the names of files whose syncs do nothing
	syncing []sync
	names   []naming // in order
	named   int      // how many of names are durable
	durable map[string]*file
	now     map[string]*file
}

// file is the contents of a file, whatever its name.
type file struct {
	text    []byte   // what is durable
	changes []change // in order
	synced  int      // how many of them text has
}

// change is a write, or the cut or growth of a file to a length.
type change struct {
	at   int64
	data []byte
	cut  bool
	void bool // a sync of it failed: no other one makes it durable
}

// naming is that a name means another file, or none.
type naming struct {
	name string
	file *file
}

// sync is a sync that has begun: of a file, or of the names.
type sync struct {
	of    *file // nil for the names
	until int   // how many changes it makes durable
	end   time.Time
}

// New returns the disk before the first call of a record: the folder holds files with these
// contents, all of which are durable. Syncs of files whose names end with ignore do nothing, as if
// the program had not asked for them; "" ignores none.
func New(record *Record, before map[string][]byte, ignore string) *Disk {
	d := &Disk{calls: record.calls, ignore: ignore, durable: map[string]*file{}, now: map[string]*file{}}
	for name, text := range before {
		f := &file{text: slices.Clone(text)}
		d.durable[name], d.now[name] = f, f
	}
	return d
}

// Folder returns the contents of the files of a folder by their names, for [New].
func Folder(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, e := range entries {
		if all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Until lets everything happen that had begun before a moment; what a sync was asked for is
// durable when it had ended by then. Moments never go back.
func (d *Disk) Until(moment time.Time) {
	for ; d.next < len(d.calls) && d.calls[d.next].begin.Before(moment); d.next++ {
		d.happen(&d.calls[d.next])
	}
	d.settle(moment)
}

// settle makes durable what syncs were asked for that ended before a moment.
func (d *Disk) settle(moment time.Time) {
	d.syncing = slices.DeleteFunc(d.syncing, func(s sync) bool {
		ended := s.end.Before(moment)
		if ended {
			d.sync(s)
		}
		return ended
	})
}

func (d *Disk) happen(c *call) {
	f := d.now[c.name]
	switch {
	case c.failed && c.kind == doSync && f != nil:
		d.settle(c.begin)
		for i := range f.changes[f.synced:] {
			f.changes[f.synced+i].void = true
		}
	case c.failed:
	case c.kind == doCreate && f == nil:
		d.name(c.name, &file{})
	case c.kind == doChange && f != nil:
		f.changes = append(f.changes, c.change)
	case c.kind == doUnlink:
		d.name(c.name, nil)
	case c.kind == doRename:
		d.name(c.to, f)
		d.name(c.name, nil)
	case c.kind == doSync && c.name == "":
		d.syncing = append(d.syncing, sync{nil, len(d.names), c.end})
	case c.kind == doSync && f != nil && (d.ignore == "" || !strings.HasSuffix(c.name, d.ignore)):
		d.syncing = append(d.syncing, sync{f, len(f.changes), c.end})
	}
}

func (d *Disk) name(name string, f *file) {
	d.names = append(d.names, naming{name, f})
	d.now[name] = f
}

// sync makes durable what there was when a sync began.
func (d *Disk) sync(s sync) {
	if s.of == nil {
		for ; d.named < s.until; d.named++ {
			d.durable[d.names[d.named].name] = d.names[d.named].file
		}
		return
	}
	for ; s.of.synced < s.until; s.of.synced++ {
		c := &s.of.changes[s.of.synced]
		if !c.void {
			s.of.text = c.apply(s.of.text, nil)
		}
		c.data = nil // needed no more
	}
}

// Lose returns the files that are there after the power is lost now: what is durable, and by
// chance all, nothing, the first, some, or sectors of the rest.
func (d *Disk) Lose(luck *rand.Rand) map[string][]byte {
	half := func() bool { return luck.IntN(2) == 0 }
	names, kept, sectors := len(d.names)-d.named, func() bool { return true }, false
	switch luck.IntN(5) {
	case 0: // all
	case 1:
		names, kept = 0, func() bool { return false }
	case 2:
		left := luck.IntN(d.waiting() + 1)
		names, kept = luck.IntN(names+1), func() bool { left--; return left >= 0 }
	case 3:
		names, kept = luck.IntN(names+1), half
	case 4:
		names, kept, sectors = luck.IntN(names+1), half, true
	}
	there := maps.Clone(d.durable)
	for _, n := range d.names[d.named : d.named+names] {
		there[n.name] = n.file
	}
	out := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(there)) { // in order, so that the same luck is the same loss
		f := there[name]
		if f == nil {
			continue
		}
		text := slices.Clone(f.text)
		for _, c := range f.changes[f.synced:] {
			if sectors && !c.cut {
				text = c.apply(text, kept)
			} else if kept() {
				text = c.apply(text, nil)
			}
		}
		out[name] = text
	}
	return out
}

// waiting returns how many changes are not durable.
func (d *Disk) waiting() (n int) {
	for _, f := range d.now {
		if f != nil {
			n += len(f.changes) - f.synced
		}
	}
	return n
}

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// apply carries out a change; with kept, only of the sectors that it keeps.
func (c *change) apply(text []byte, kept func() bool) []byte {
	if c.cut {
		return sized(text, c.at)
	}
	for from := int64(0); from < int64(len(c.data)); {
		to := min((c.at+from)/sector*sector+sector-c.at, int64(len(c.data)))
		if kept == nil || kept() {
			if end := c.at + to; int64(len(text)) < end {
				text = sized(text, end)
			}
			copy(text[c.at+from:], c.data[from:to])
		}
		from = to
	}
	return text
}

// sized returns text cut to a size, or with zeros behind it.
func sized(text []byte, size int64) []byte {
	if int64(len(text)) >= size {
		return text[:size:size]
	}
	return append(text, make([]byte, size-int64(len(text)))...)
}
