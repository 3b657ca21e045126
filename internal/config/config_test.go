package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sconce/internal/corpus"
)

type sample struct {
	Listen  string        `yaml:"listen"`
	Retries int           `yaml:"retries"`
	Wait    time.Duration `yaml:"wait"`
	Store   struct {
		File  string  `yaml:"file"`
		Share float64 `yaml:"share"`
		Sync  bool    `yaml:"sync"`
	} `yaml:"store"`
	Channels []uint8 `yaml:"channels"`
	Peers    []peer  `yaml:"peers"`
	Shout    upper   `yaml:"shout"`
}

type peer struct {
	Name string `yaml:"name"`
}

type upper string

func (u *upper) UnmarshalText(b []byte) error {
	if s := string(b); s != strings.ToUpper(s) {
		return errors.New("expected capitals")
	}
	*u = upper(b)
	return nil
}

func (s *sample) Validate(c *Checker) {
	c.Address("listen", s.Listen)
	c.File("store.file", &s.Store.File, "the path of the database")
	Range(c, "retries", s.Retries, 0, 9)
	for i, p := range s.Peers {
		c.OneOf("peers["+string(rune('0'+i))+"].name", p.Name, "ann", "bob")
	}
}

const good = `# a comment
listen: 127.0.0.1:80
wait: 1h30m
store:
  file: data/site.db
  share: 1
  sync: true
channels: [11, 15]
peers:
  - name: ann
  - name: bob
shout: LOUD
`

func TestLoadFillsEveryKindOfField(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sample{Retries: 3}
	if err := Load(path, &s); err != nil {
		t.Fatal(err)
	}
	if s.Retries != 3 {
		t.Errorf("retries = %d; a key that is not mentioned keeps its default", s.Retries)
	}
	if s.Wait != 90*time.Minute || s.Store.Share != 1 || !s.Store.Sync || len(s.Channels) != 2 ||
		s.Channels[1] != 15 || len(s.Peers) != 2 || s.Peers[1].Name != "bob" || s.Shout != "LOUD" {
		t.Errorf("read %+v", s)
	}
	if want := filepath.Join(filepath.Dir(path), "data/site.db"); s.Store.File != want {
		t.Errorf("store.file = %q, want it from the configuration's folder: %q", s.Store.File, want)
	}
}

func TestWrongConfigurationsSayWhereAndWhat(t *testing.T) {
	const keys = "channels, listen, peers, retries, shout, store, wait"
	base := func(line, instead string) string { return strings.Replace(good, line, instead, 1) }
	tests := []struct{ name, text, want string }{
		{"unknown key", good + "colour: red\n", "c.yaml:13: colour: this key is not known; expected " + keys},
		{
			"unknown key in a section", base("  sync: true", "  sink: true"),
			"c.yaml:7: store.sink: this key is not known; expected file, share, sync",
		},
		{"missing key", base("listen: 127.0.0.1:80\n", ""), "c.yaml: listen: this key is missing; expected host:port, such as 127.0.0.1:8443"},
		{"missing key in a section", base("  file: data/site.db\n", ""), "c.yaml:4: store.file: this key is missing; expected the path of the database"},
		{"empty file", "", "c.yaml: listen: this key is missing; expected host:port, such as 127.0.0.1:8443\nc.yaml: store.file: this key is missing; expected the path of the database"},
		{"only a comment", "# nothing\n", "c.yaml: listen: this key is missing; expected host:port, such as 127.0.0.1:8443\nc.yaml: store.file: this key is missing; expected the path of the database"},
		{"empty value", base("listen: 127.0.0.1:80", "listen:"), "c.yaml:2: listen: the value is missing; expected text"},
		{"empty text", base("listen: 127.0.0.1:80", `listen: ""`), "c.yaml:2: listen: the value is empty; expected host:port, such as 127.0.0.1:8443"},
		{"number for text", base("listen: 127.0.0.1:80", "listen: 80"), "c.yaml:2: listen: expected text"},
		{"no port", base("127.0.0.1:80", "127.0.0.1"), `c.yaml:2: listen: "127.0.0.1" is not an address; expected host:port, such as 127.0.0.1:8443`},
		{"port too high", base("127.0.0.1:80", "127.0.0.1:70000"), `c.yaml:2: listen: "127.0.0.1:70000" is not an address; expected host:port, such as 127.0.0.1:8443`},
		{"text for a number", base("share: 1", "share: half"), "c.yaml:6: store.share: expected a number"},
		{"text for a truth value", base("sync: true", "sync: maybe"), "c.yaml:7: store.sync: expected true or false"},
		{"number for a duration", base("wait: 1h30m", "wait: 90"), "c.yaml:3: wait: expected a duration such as 30s or 1h30m"},
		{"bad duration", base("wait: 1h30m", "wait: soon"), "c.yaml:3: wait: soon does not fit; expected a duration such as 30s or 1h30m"},
		{"number too large", base("[11, 15]", "[11, 300]"), "c.yaml:8: channels[1]: 300 does not fit; expected a whole number from 0 to 255"},
		{"scalar for a list", base("[11, 15]", "11"), "c.yaml:8: channels: expected a list"},
		{"scalar for a section", base("store:\n  file: data/site.db\n  share: 1\n  sync: true", "store: site.db"), "c.yaml:4: store: expected the keys file, share, sync"},
		{"own text form", base("LOUD", "quiet"), "c.yaml:12: shout: expected capitals"},
		{"own range", good + "retries: 12\n", "c.yaml:13: retries: 12 is out of range; expected 0 to 9"},
		{"in a list", base("- name: bob", "- name: eve"), `c.yaml:11: peers[1].name: "eve" is not known; expected one of ann, bob`},
		{"list for the whole", "- a\n", "c.yaml:1: expected the keys " + keys},
		{"two documents", good + "---\nlisten: x:1\n", "c.yaml:14: a second document begins here; expected one"},
		{"anchor", base("listen: 127.0.0.1:80", "listen: &a 127.0.0.1:80"), "c.yaml:2: listen: anchors, aliases and tags are not read; expected text"},
		{"duplicate key", good + "listen: 127.0.0.1:81\n", `c.yaml:13: this is not YAML: mapping key "listen" already defined at [2:1]`},
		{"not YAML", "listen: [\n", "c.yaml:1: this is not YAML: sequence end token ']' not found"},
		{
			"several at once, in the order of lines", base("listen: 127.0.0.1:80", "listen: 80") + "x: 1\n",
			"c.yaml:2: listen: expected text\nc.yaml:13: x: this key is not known; expected " + keys,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Parse("c.yaml", []byte(tt.text), &sample{})
			if err == nil {
				t.Fatalf("accepted; want %q", tt.want)
			}
			if err.Error() != tt.want {
				t.Errorf("error\n%s\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestLoadOfAFileThatIsNotThere(t *testing.T) {
	err := Load("/nowhere/c.yaml", &sample{})
	if err == nil || err.Error() != "/nowhere/c.yaml: the configuration cannot be read: no such file or directory" {
		t.Errorf("error %v", err)
	}
}

func TestLoadRefusesAnEndlessFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, make([]byte, MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Load(path, &sample{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("listen: [\n")
	f.Add("a: &b [*b]\n")
	f.Add("? [x]\n: y\n")
	corpus.Fuzz(f, func(t *testing.T, text string) {
		var s sample
		err := Parse("c.yaml", []byte(text), &s)
		var e *Error
		if err != nil && (!errors.As(err, &e) || len(e.Faults) == 0) {
			t.Fatalf("error of the wrong form: %v", err)
		}
	})
}
