package powercut

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Record is what a program did to the files of a folder.
type Record struct {
	calls []call // in the order in which they began
}

// call is a call to the system.
type call struct {
	begin, end time.Time
	failed     bool
	kind       kind
	name       string // of the file; "" is the folder itself
	to         string // the new name
	change
}

type kind int

const (
	nothing kind = iota
	doCreate
	doChange
	doUnlink
	doRename
	doSync
)

// never is the end of a call that the record does not have.
var never = time.Unix(1<<40, 0)

// Read reads what strace recorded by [Command], as far as it is about the files of a folder.
func Read(record io.Reader, dir string) (*Record, error) {
	r := &Record{}
	lines := bufio.NewReaderSize(record, 1<<20)
	open := map[string]unfinished{} // by process
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			return r, nil
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("reading the record: %w", err)
		}
		if err := r.line(strings.TrimSuffix(line, "\n"), dir, open); err != nil {
			return nil, fmt.Errorf("line %d of the record: %w: %.120s", n, err, line)
		}
	}
}

// unfinished is the beginning of a call that others interrupt in the record.
type unfinished struct {
	text  string
	index int
}

// line reads a line: process, time in seconds, and a call, its beginning or its rest.
func (r *Record) line(line, dir string, open map[string]unfinished) error {
	process, rest, _ := strings.Cut(line, " ")
	clock, text, found := strings.Cut(strings.TrimLeft(rest, " "), " ")
	at, err := seconds(clock)
	if err != nil || !found {
		return fmt.Errorf("expected a process, a time and a call")
	}
	if strings.HasPrefix(text, "+++") || strings.HasPrefix(text, "---") {
		return nil // an end, or a signal
	}
	begin := time.Unix(0, 0).Add(at)
	if strings.HasPrefix(text, "<... ") {
		_, rest, _ := strings.Cut(text, " resumed>")
		first, found := open[process]
		if !found {
			return fmt.Errorf("the end of a call that did not begin")
		}
		delete(open, process)
		if err := r.calls[first.index].set(first.text+rest, dir); err != nil {
			return err
		}
		r.calls[first.index].end = begin
		return nil
	}
	r.calls = append(r.calls, call{begin: begin, end: never})
	c := &r.calls[len(r.calls)-1]
	if first, cut := strings.CutSuffix(text, " <unfinished ...>"); cut {
		open[process] = unfinished{first, len(r.calls) - 1}
		name, arguments, _ := strings.Cut(first, "(")
		return c.read(name, arguments, dir) // it may have happened, whatever becomes of it
	}
	return c.set(text, dir)
}

// seconds reads a number of seconds with decimals, exactly.
func seconds(text string) (time.Duration, error) {
	whole, micros, found := strings.Cut(text, ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || !found || len(micros) != 6 {
		return 0, fmt.Errorf("expected a number of seconds")
	}
	us, err := strconv.ParseInt(micros, 10, 64)
	return time.Duration(s)*time.Second + time.Duration(us)*time.Microsecond, err
}

// set reads a call that has ended: its name, its arguments, what it returned and how long it took.
func (c *call) set(text, dir string) error {
	name, rest, _ := strings.Cut(text, "(")
	i := strings.LastIndex(rest, " = ")
	if i < 0 {
		return fmt.Errorf("expected a call and its result")
	}
	arguments, result := strings.TrimSuffix(strings.TrimRight(rest[:i], " "), ")"), rest[i+3:]
	if i := strings.LastIndexByte(result, '<'); i >= 0 && strings.HasSuffix(result, ">") {
		if took, err := seconds(result[i+1 : len(result)-1]); err == nil { // else it is the path of a descriptor
			c.end = c.begin.Add(took)
		}
	}
	c.failed = strings.HasPrefix(result, "-1")
	return c.read(name, arguments, dir)
}

// read reads the arguments of a call.
func (c *call) read(name, arguments, dir string) error {
	texts, numbers, err := split(arguments)
	if err != nil {
		return err
	}
	of := func(i int) (string, bool) { // the name of a file of the folder
		if i >= len(texts) {
			return "", false
		}
		if texts[i] == dir {
			return "", true
		}
		return filepath.Base(texts[i]), filepath.Dir(texts[i]) == dir
	}
	first := 0
	if strings.HasSuffix(name, "at") || name == "renameat2" { // after the folder that it is relative to
		first = 1
	}
	file, ours := of(first)
	c.name = file
	switch name {
	case "open", "openat", "creat":
		if !ours || file == "" || !strings.Contains(arguments, "O_CREAT") && name != "creat" {
			return nil
		}
		if strings.Contains(arguments, "O_TRUNC") {
			return fmt.Errorf("a file is opened with O_TRUNC, which is not followed")
		}
		c.kind = doCreate
	case "pwrite64":
		if !ours {
			return nil
		}
		if len(texts) < 2 || len(numbers) < 2 || strings.Contains(arguments, `"...`) {
			return fmt.Errorf("expected what is written, whole, its length and its place")
		}
		c.kind, c.change = doChange, change{at: numbers[len(numbers)-1], data: []byte(texts[1])}
	case "ftruncate", "truncate":
		if ours {
			c.kind, c.change = doChange, change{at: numbers[len(numbers)-1], cut: true}
		}
	case "fsync", "fdatasync":
		if ours {
			c.kind = doSync
		}
	case "unlink", "unlinkat":
		if ours {
			c.kind = doUnlink
		}
	case "rename", "renameat", "renameat2":
		to, also := of(2*first + 1)
		if ours && also {
			c.kind, c.to = doRename, to
		}
	case "sync_file_range": // promises nothing (its manual page)
	default:
		if ours {
			return fmt.Errorf("%s is not followed", name)
		}
	}
	return nil
}

// split returns the texts of the arguments of a call, which are paths and what is written, in hexadecimal
// and either in quotes or as the path of a descriptor, and the numbers behind the last of them.
func split(arguments string) (texts []string, numbers []int64, err error) {
	for {
		i := strings.IndexAny(arguments, `"<`)
		if i < 0 {
			break
		}
		end := strings.IndexAny(arguments[i+1:], `">`)
		if end < 0 {
			return nil, nil, fmt.Errorf("expected the end of a text")
		}
		text, err := hex.DecodeString(strings.ReplaceAll(arguments[i+1:i+1+end], `\x`, ""))
		if err != nil {
			return nil, nil, err
		}
		texts, arguments = append(texts, string(text)), arguments[i+end+2:]
	}
	for _, word := range strings.FieldsFunc(arguments, func(r rune) bool { return r == ',' || r == ' ' }) {
		if n, err := strconv.ParseInt(word, 0, 64); err == nil {
			numbers = append(numbers, n)
		}
	}
	return texts, numbers, nil
}
