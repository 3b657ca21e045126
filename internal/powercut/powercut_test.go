package powercut_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sconce/internal/powercut"
)

// text returns a text as strace -xx writes it.
func text(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// fd returns a descriptor of a file as strace -y writes it.
func fd(name string) string { return "7<" + text("/data"+name) + ">" }

// record is a program that makes a file, writes it twice and syncs after the first time, while another
// thread cuts a file that was there.
var record = strings.Join([]string{
	`10 1.000001 open("` + text("/data/new") + `", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = ` + fd("/new") + ` <0.000001>`,
	`10 1.000002 pwrite64(` + fd("/new") + `, "` + text("first") + `", 5, 0) = 5 <0.000001>`,
	`10 1.000003 fsync(` + fd("") + `) = 0 <0.000001>`,
	`10 1.000005 fdatasync(` + fd("/new") + ` <unfinished ...>`,
	`11 1.000006 ftruncate(` + fd("/old") + `, 2) = 0 <0.000001>`,
	`11 1.000007 pwrite64(` + fd("/new") + `, "` + text("second") + `", 6, 5) = 6 <0.000001>`,
	`10 1.000010 <... fdatasync resumed>) = 0 <0.000005>`,
	`10 1.000011 fsync(` + fd("/old") + `) = -1 EIO (Input/output error) <0.000001>`,
	`10 1.000012 unlink("` + text("/data/old") + `") = 0 <0.000001>`,
	`10 1.000013 pwrite64(` + "8<" + text("/other/new") + ">" + `, "` + text("x") + `", 1, 0) = 1 <0.000001>`,
	`10 1.000014 +++ exited with 0 +++`,
}, "\n")

// TestLose wants at each moment what must be there, and of the rest everything that may be.
func TestLose(t *testing.T) {
	r, err := powercut.Read(strings.NewReader(record), "/data")
	if err != nil {
		t.Fatal(err)
	}
	for micros, want := range map[int64][]string{
		1:  {"old:1234"},
		2:  {"old:1234", "new: old:1234"},
		3:  {"old:1234", "new: old:1234", "new:first old:1234"},
		5:  {"new: old:1234", "new:first old:1234"},
		10: {"new: old:1234", "new: old:12", "new:first old:1234", "new:first old:12", "new:firstsecond old:1234", "new:firstsecond old:12", "new:\x00\x00\x00\x00\x00second old:1234", "new:\x00\x00\x00\x00\x00second old:12"},
		12: {"new:first old:1234", "new:first old:12", "new:firstsecond old:1234", "new:firstsecond old:12"},
		20: {"new:first old:1234", "new:first old:12", "new:firstsecond old:1234", "new:firstsecond old:12", "new:first", "new:firstsecond"},
	} {
		got := map[string]bool{}
		luck := rand.New(rand.NewPCG(1, uint64(micros)))
		for range 500 {
			d := powercut.New(r, map[string][]byte{"old": []byte("1234")}, "")
			d.Until(time.Unix(1, micros*1000))
			files := d.Lose(luck)
			var said []string
			for _, name := range []string{"new", "old"} {
				if text, ok := files[name]; ok {
					said = append(said, name+":"+string(text))
				}
			}
			got[strings.Join(said, " ")] = true
		}
		for _, w := range want {
			if !got[w] {
				t.Errorf("after %d µs %q may be there, and never is", micros, w)
			}
			delete(got, w)
		}
		for g := range got {
			t.Errorf("after %d µs %q must not be there", micros, g)
		}
	}
	d := powercut.New(r, nil, "new") // whose sync is left out
	d.Until(time.Unix(2, 0))
	luck, empty := rand.New(rand.NewPCG(1, 2)), 0
	for range 100 {
		if len(d.Lose(luck)["new"]) == 0 {
			empty++
		}
	}
	if empty == 0 {
		t.Error("a sync that is left out keeps what it was to keep")
	}
}

// TestFailedSync: what a sync that failed was to keep is not kept by the next one, unless it was written
// again.
func TestFailedSync(t *testing.T) {
	write := func(at int, what string) string {
		return fmt.Sprintf(`10 1.%06d pwrite64(%s, "%s", 5, 0) = 5 <0.000001>`, at, fd("/new"), text(what))
	}
	failed := `10 1.000002 fsync(` + fd("/new") + `) = -1 EIO (Input/output error) (INJECTED) <0.000001>`
	synced := `10 1.000005 fsync(` + fd("/new") + `) = 0 <0.000001>`
	for want, lines := range map[string][]string{
		"12345": {write(1, "first"), failed, synced},
		"first": {write(1, "first"), strings.Replace(synced, "1.000005", "1.000002", 1), strings.Replace(failed, "1.000002", "1.000004", 1)},
		"again": {write(1, "first"), failed, write(3, "again"), synced},
	} {
		r, err := powercut.Read(strings.NewReader(strings.Join(lines, "\n")), "/data")
		if err != nil {
			t.Fatal(err)
		}
		d := powercut.New(r, map[string][]byte{"new": []byte("12345")}, "")
		d.Until(time.Unix(2, 0))
		luck := rand.New(rand.NewPCG(1, 5))
		for range 20 {
			if got := string(d.Lose(luck)["new"]); got != want {
				t.Errorf("the file has %q, want %q", got, want)
			}
		}
	}
}

// TestSectors: a write that is torn is so between sectors, and nowhere else.
func TestSectors(t *testing.T) {
	line := `10 1.000001 pwrite64(` + fd("/new") + `, "` + strings.Repeat(`\x61`, 2000) + `", 2000, 100) = 2000 <0.000001>`
	r, err := powercut.Read(strings.NewReader(line), "/data")
	if err != nil {
		t.Fatal(err)
	}
	luck, torn := rand.New(rand.NewPCG(1, 3)), 0
	for range 200 {
		d := powercut.New(r, map[string][]byte{"new": make([]byte, 4096)}, "")
		d.Until(time.Unix(2, 0))
		got := d.Lose(luck)["new"]
		whole := bytes.Count(got, []byte("a"))
		for at := 0; at < len(got); at += 512 {
			from, to := max(at, 100), min(at+512, 2100)
			if n := bytes.Count(got[at:at+512], []byte("a")); n != 0 && n != to-from {
				t.Fatalf("%d bytes of the sector at %d were written", n, at)
			}
		}
		if whole > 0 && whole < 2000 {
			torn++
		}
	}
	if torn == 0 {
		t.Error("no write was torn")
	}
}

func TestReadRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"no call":                    `10 1.000001 hello`,
		"no time":                    `10 hello fsync(` + fd("/new") + `) = 0 <0.000001>`,
		"the end of nothing":         `10 1.000001 <... fsync resumed>) = 0 <0.000001>`,
		"a call that it follows not": `10 1.000001 pwritev(` + fd("/new") + `, [], 1, 0) = 5 <0.000001>`,
		"a cut text":                 `10 1.000001 pwrite64(` + fd("/new") + `, "` + text("a") + `"..., 5, 0) = 5 <0.000001>`,
		"a file that is emptied":     `10 1.000001 open("` + text("/data/new") + `", O_RDWR|O_CREAT|O_TRUNC, 0600) = ` + fd("/new") + ` <0.000001>`,
	} {
		if _, err := powercut.Read(strings.NewReader(line), "/data"); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// TestCommand records a program, and wants its files when nothing was lost.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "record")
	command := append(powercut.Command(path), "/bin/sh", "-c", `mv "$0/a" "$0/b" && : >>"$0/c" && rm "$0/d" && sync "$0/c" "$0"`, dir)
	for _, name := range []string{"a", "d"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, err := powercut.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var d *powercut.Disk
	for deadline := time.Now().Add(10 * time.Second); ; { // strace ends after the program
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := powercut.Read(bytes.NewReader(file), dir); err == nil && bytes.HasSuffix(file, []byte("+++\n")) {
			d = powercut.New(r, before, "")
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the record does not end: %v", err)
		}
	}
	d.Until(time.Now())
	luck := rand.New(rand.NewPCG(1, 4))
	for range 20 {
		files := d.Lose(luck)
		if c, ok := files["c"]; len(files) != 2 || string(files["b"]) != "a" || !ok || len(c) > 0 {
			t.Fatalf("the folder has %q", files)
		}
	}
}
