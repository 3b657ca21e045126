package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"sconce"
)

// line is an entry as a line of an exported log (JSON Lines).
type line struct {
	Chain    Chain   `json:"log"`
	Number   uint64  `json:"number"`
	At       string  `json:"at"` // RFC 3339, UTC, milliseconds
	Who      Subject `json:"who"`
	Origin   Origin  `json:"origin"`
	Action   Action  `json:"action"`
	Target   string  `json:"target"`
	Detail   string  `json:"detail"`
	Result   Result  `json:"result"`
	Previous Digest  `json:"previous"`
	Digest   Digest  `json:"digest"`
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// maxLine is the largest length of a line of an export, in bytes: far more than
// [Write] makes.
const maxLine = 16 << 10

// Write writes entries one JSON object a line, and returns how many it wrote.
func Write(w io.Writer, entries iter.Seq2[Entry, error]) (int, error) {
	out := bufio.NewWriter(w)
	to := encoder(out)
	n := 0
	for e, err := range entries {
		if err != nil {
			return n, errors.Join(err, out.Flush())
		}
		if err := to.Encode(lineOf(e)); err != nil {
			return n, fmt.Errorf("writing the security log: %w", err)
		}
		n++
	}
	if err := out.Flush(); err != nil {
		return n, fmt.Errorf("writing the security log: %w", err)
	}
	return n, nil
}

func encoder(w io.Writer) *json.Encoder {
	to := json.NewEncoder(w)
	to.SetEscapeHTML(false)
	return to
}

func lineOf(e Entry) line {
	return line{
		e.Chain, e.Number, e.At.UTC().Format(timeFormat), e.Who, e.Origin, e.Action, e.Target, e.Detail, e.Result, e.Previous, e.Digest,
	}
}

// Read returns the entries of an export. A line that [Write] did not write ends it
// with a [sconce.Invalid] that names the line: also one that says the same in other
// bytes.
func Read(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxLine)
		lines.Split(splitLine)
		n := 0
		for lines.Scan() {
			n++
			e, err := parse(lines.Bytes())
			if err != nil {
				err = sconce.Errorf(sconce.Invalid, "line %d is no entry of a security log: %w", n, err)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Entry{}, sconce.Errorf(sconce.Invalid, "line %d: %w", n+1, err))
		}
	}
}

// splitLine is a [bufio.SplitFunc] for lines that end with a line feed and nothing else.
func splitLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func parse(b []byte) (Entry, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return Entry{}, err
	}
	at, err := time.Parse(timeFormat, l.At)
	if err != nil {
		return Entry{}, fmt.Errorf("at: expected a time like %s", timeFormat)
	}
	e := Entry{
		Chain: l.Chain, Number: l.Number, Previous: l.Previous, Digest: l.Digest,
		Event: Event{At: at, Who: l.Who, Origin: l.Origin, Action: l.Action, Target: l.Target, Detail: l.Detail, Result: l.Result},
	}
	var again bytes.Buffer
	if err := encoder(&again).Encode(lineOf(e)); err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(bytes.TrimSuffix(again.Bytes(), []byte("\n")), b) {
		return Entry{}, errors.New("it was altered: this is not how it is written")
	}
	return e, nil
}
