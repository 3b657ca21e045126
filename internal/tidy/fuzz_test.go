package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxCorpora is the most bytes that the kept inputs of all fuzz targets have.
const maxCorpora = 2 << 20

// TestFuzzTargetsKeepWhatIsFound: every target runs its corpus, and no corpus is
// left over from a target that is gone.
func TestFuzzTargetsKeepWhatIsFound(t *testing.T) {
	var all, size int
	for _, p := range packages(t) {
		targets := map[string]bool{}
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			text, err := os.ReadFile(p.path(name))
			if err != nil {
				t.Fatal(err)
			}
			for target, keeps := range fuzzTargets(t, name, text) {
				targets[target] = true
				if !keeps {
					t.Errorf("%s: %s ends in f.Fuzz(...): make it corpus.Fuzz(f, ...) of internal/corpus", p.path(name), target)
				}
			}
		}
		all += len(targets)
		corpora, _ := filepath.Glob(p.path("testdata/corpus/*"))
		for _, path := range corpora {
			if !targets[filepath.Base(path)] {
				t.Errorf("%s is of no target", path)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			size += int(info.Size())
		}
	}
	if all < 50 {
		t.Errorf("only %d targets", all)
	}
	if size > maxCorpora {
		t.Errorf("the corpora have %d bytes, at most %d", size, maxCorpora)
	}
}

// fuzzTargets returns the fuzz targets of a file, and whether each keeps a corpus.
func fuzzTargets(t *testing.T, name string, text []byte) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || d.Recv != nil || !strings.HasPrefix(d.Name.Name, "Fuzz") {
			continue
		}
		keeps := file.Name.Name == "corpus" // it is itself
		ast.Inspect(d, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if ok && s.Sel.Name == "Fuzz" {
				x, ok := s.X.(*ast.Ident)
				keeps = ok && x.Name == "corpus"
			}
			return true
		})
		targets[d.Name.Name] = keeps
	}
	return targets
}

// TestFuzzTargets shows that the rule above can refuse.
func TestFuzzTargets(t *testing.T) {
	got := fuzzTargets(t, "x.go", []byte("package x\nfunc FuzzA(f *testing.F) { f.Fuzz(1) }\nfunc FuzzB(f *testing.F) { corpus.Fuzz(f, 1) }\nfunc TestC(t *testing.T) {}"))
	if len(got) != 2 || got["FuzzA"] || !got["FuzzB"] {
		t.Error(got)
	}
}
