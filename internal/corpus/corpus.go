// Package corpus keeps what fuzzing has found, so that every run of the tests
// begins where the last fuzzing ended. A target keeps its inputs in one text file,
// testdata/corpus/ and its name: the types of the arguments in the first line, then
// one input a line, shortest first, bytes as hexadecimal digits and text quoted.
//
// [Fuzz] runs them as seeds. scripts/fuzz finds new ones, and keeps of all first
// those that reach a statement which no seed written by hand and no shorter input
// reaches, then of the others, which go statements in another order or number, the
// shortest. It measures this with the coverage of go test and has no notion of its
// own of what is interesting; what fails is not kept here but becomes a test.
package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	// MaxSize is the most bytes of inputs that the file of one target has: some 500
	// frames of the air, which a target runs within half a second.
	MaxSize = 32 << 10
	// Finds is the environment variable that names a folder of go test's, with the
	// finds of each target in a folder of its name. With it set, [Fuzz] writes the
	// target's file anew. It needs a test binary with coverage.
	Finds = "SCONCE_FUZZ_FINDS"
)

// Fuzz is f.Fuzz(target) with the kept inputs as further seeds.
func Fuzz(f *testing.F, target any) {
	f.Helper()
	k, err := kindsOf(target)
	if err != nil {
		f.Fatal(err)
	}
	path := Path(".", f.Name())
	kept, err := load(path, k)
	if err != nil {
		f.Fatal(err)
	}
	if finds := os.Getenv(Finds); finds != "" {
		found, err := findsIn(filepath.Join(finds, f.Name()), k)
		if err != nil {
			f.Fatal(err)
		}
		target = keep(f, path, k, slices.Concat(kept, found), target)
	} else {
		for _, in := range kept {
			f.Add(in...)
		}
	}
	f.Fuzz(target)
}

// Path returns the file that keeps the inputs of a target, in the folder of its
// package.
func Path(dir, target string) string { return filepath.Join(dir, "testdata", "corpus", target) }

// load reads the file of a target; without one there are no inputs.
func load(path string, k kinds) ([]input, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a corpus: %w", err)
	}
	head, body, _ := strings.Cut(string(text), "\n")
	if head != k.String() {
		return nil, fmt.Errorf("%s is for the arguments %q, the target has %q: fuzz it anew", path, head, k)
	}
	var all []input
	for line := range strings.Lines(body) {
		in, err := k.parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		all = append(all, in)
	}
	return all, nil
}

// findsIn reads the finds of go test in a folder; without one there are none. Those
// of other arguments are from before the target changed, and are passed over.
func findsIn(dir string, k kinds) ([]input, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what was found: %w", err)
	}
	var all []input
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name())) //nolint:gosec // the developer names the folder
		if err != nil {
			return nil, fmt.Errorf("reading what was found: %w", err)
		}
		if in, err := k.parseFind(string(text)); err == nil {
			all = append(all, in)
		}
	}
	return all, nil
}

// keep adds candidates as seeds, and returns the target made so that, at the end,
// what is worth it is written to path.
func keep(f *testing.F, path string, k kinds, candidates []input, target any) any {
	f.Helper()
	if testing.CoverMode() == "" {
		f.Fatalf("%s is set: run with -cover, as scripts/fuzz does", Finds)
	}
	unseen := make(map[string]bool, len(candidates))
	for _, in := range candidates {
		unseen[k.format(in)] = true
	}
	slices.SortFunc(candidates, func(a, b input) int { return compareLines(k.format(a), k.format(b)) })
	for _, in := range candidates {
		f.Add(in...)
	}
	var first, others []string
	f.Cleanup(func() {
		if f.Failed() {
			return
		}
		if err := write(path, k, choose(first, others)); err != nil {
			f.Errorf("keeping what was found: %v", err)
		}
	})
	call := reflect.ValueOf(target)
	return reflect.MakeFunc(call.Type(), func(args []reflect.Value) []reflect.Value {
		in := make(input, len(k))
		for i := range k {
			in[i] = args[i+1].Interface()
		}
		line := k.format(in) // before the target may change it
		before := testing.Coverage()
		call.Call(args)
		switch {
		case !unseen[line]: // written by hand, or seen
		case testing.Coverage() > before:
			first = append(first, line)
		default:
			others = append(others, line)
		}
		delete(unseen, line)
		return nil
	}).Interface()
}

// choose returns the first lines, and of the others as many as there is room for,
// shortest first.
func choose(first, others []string) []string {
	var chosen []string
	size := 0
	for _, line := range slices.Concat(first, others) {
		if size += len(line) + 1; size <= MaxSize {
			chosen = append(chosen, line)
		}
	}
	slices.SortFunc(chosen, compareLines)
	return chosen
}

// write writes the file of a target, or removes it when there is nothing to keep.
func write(path string, k kinds, lines []string) error {
	if len(lines) == 0 {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a folder of the sources
		return err
	}
	text := strings.Join(append([]string{k.String()}, lines...), "\n") + "\n"
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // a file of the sources
}

func compareLines(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
