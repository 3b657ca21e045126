package e2e

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestOutageIsNotWritten takes the cloud away from a gateway whose lights go on telling it things, and
// compares what the gateway has on its disk before and after: none of what waits for the cloud is
// there. Nor did it open anything else to write to, as strace saw. Then all of it comes.
func TestOutageIsNotWritten(t *testing.T) {
	t.Parallel()
	s := boot(t, 3)
	received := func() (n, missing uint64) {
		var account struct {
			Boots []struct{ Received, Missing uint64 }
		}
		path := fmt.Sprintf("/projects/%s/gateways/%s/continuity", s.project, s.Gateway.EUI64)
		if err := s.client.Do(t.Context(), http.MethodGet, path, nil, &account); err != nil || len(account.Boots) != 1 {
			t.Fatalf("the account is %+v, %v", account, err)
		}
		return account.Boots[0].Received, account.Boots[0].Missing
	}
	record := filepath.Join(t.TempDir(), "record")
	watch := exec.Command("strace", "-f", "-q", "-y", "-xx", "-s", "4096", "-o", record,
		"-e", "trace=open,openat,creat,mknod,mknodat,memfd_create,rename,renameat,renameat2,link,linkat", "-p", strconv.Itoa(s.gateway.PID()))
	watch.Stderr = s.log("strace")
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(10*time.Second, "strace to watch the gateway", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.gateway.PID()))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(status), fmt.Sprintf("TracerPid:\t%d\n", watch.Process.Pid))
	})
	had, _ := received()
	before := sizes(t, filepath.Join(s.Dir, "gateway"))

	s.cloud.Kill()
	const times = 6
	for n := range 2 * times { // each time that a light wakes up it says so, and what it is
		if err := s.building.SetPower(s.Lights[n%3].EUI64, n/3%2 == 1); err != nil {
			t.Fatal(err)
		}
		pause := time.NewTimer(time.Second)
		<-pause.C
	}
	after := sizes(t, filepath.Join(s.Dir, "gateway"))
	for name, size := range after {
		if was, ok := before[name]; !ok || size > was+64 || size < was-64 {
			t.Errorf("%s had %d bytes before the outage, and has %d", name, was, size)
		}
	}
	if err := watch.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = watch.Wait() // it ends by the signal
	for _, path := range opened(t, record) {
		if filepath.Dir(path) != filepath.Join(s.Dir, "gateway") {
			t.Errorf("the gateway wrote to %s", path)
		}
	}

	s.startCloud()
	if err := s.client.SignIn(t.Context(), s.Email, s.Password); err != nil {
		t.Fatal(err)
	}
	s.await(time.Minute, "what waited to come", func() bool {
		n, missing := received()
		return n >= had+times && missing == 0
	})
}

// sizes returns the sizes of the files of a folder and those in it.
func sizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			all[path] = info.Size()
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("the folder of the gateway has %d files, %v", len(all), err)
	}
	return all
}

// writes finds calls of a record that make files, or open them to write.
var (
	writes = regexp.MustCompile(`^\d+ +(?:creat|mknod|mknodat|memfd_create|rename|renameat|renameat2|link|linkat)\(|O_WRONLY|O_RDWR|O_CREAT`)
	quoted = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
)

// opened returns the paths of a record that were made or opened to write to.
func opened(t *testing.T, record string) (paths []string) {
	t.Helper()
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !writes.MatchString(line) {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			path, err := hex.DecodeString(strings.ReplaceAll(m[1], `\x`, ""))
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, string(path))
		}
	}
	return paths
}
