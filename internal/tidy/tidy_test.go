package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is the most lines a file of ours may have; a longer one has a seam.
const maxLines = 600

type goPackage struct {
	ImportPath, Dir                    string
	Doc                                string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
}

func (p goPackage) path(file string) string { return filepath.Join(p.Dir, file) }

// generated reports whether all of a package is written by a tool.
func (p goPackage) generated() bool {
	return strings.HasPrefix(p.ImportPath, "sconce/cloud/store/") && strings.HasSuffix(p.ImportPath, "db")
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "sconce/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for _, fault := range []string{importFault(p.ImportPath, imported), pureFault(p.ImportPath, imported)} {
				if fault != "" {
					t.Error(fault)
				}
			}
		}
		// A test may use what its package may, the simulator and its devices, and the helpers for
		// tests; one of the cloud may use the rest of the cloud, so that capabilities are
		// tested on the real store. It may not make the cloud know Zigbee or the gateway
		// know the cloud.
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if helper := matches("sconce/internal/...", imported) || matches("sconce/sim", imported) || matches("sconce/device", imported) && !matches("sconce/cloud/...", p.ImportPath) || strings.HasSuffix(imported, "test") ||
				matches("sconce/cloud/...", p.ImportPath) && matches("sconce/cloud/...", imported); !helper && imported != p.ImportPath {
				if fault := importFault(p.ImportPath, imported); fault != "" {
					t.Error("in a test: " + fault)
				}
			}
		}
	}
}

// TestTheTableSaysNo shows that the rules above can refuse.
func TestTheTableSaysNo(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		ok            bool
	}{
		{"sconce/wire", "sconce", true},
		{"sconce/wire", "sconce/mqtt", false},
		{"sconce/gateway", "sconce/cloud/edge", false},
		{"sconce/cloud/lighting", "sconce/zigbee", false},
		{"sconce/cloud/edge", "sconce/gateway", false},
		{"sconce/zigbee/nwk", "sconce/zigbee/mac", false},
		{"sconce/zigbee/stack", "sconce/zigbee/mac", true},
		{"sconce/cmd/sconce-gateway", "sconce/sim", false},
		{"sconce/cmd/sconce", "sconce/sim", true},
		{"sconce/brandnew", "sconce", false},
		{"sconce/wire", "fmt", true},
	} {
		if fault := importFault(c.pkg, c.imported); (fault == "") != c.ok {
			t.Errorf("%s imports %s: %q", c.pkg, c.imported, fault)
		}
	}
	for imported, ok := range map[string]bool{"net": false, "os": false, "crypto/rand": false, "sync/atomic": false, "fmt": true, "crypto/aes": true, "log/slog": true} {
		if fault := pureFault("sconce/mqtt", imported); (fault == "") != ok {
			t.Errorf("a pure package imports %s: %q", imported, fault)
		}
	}
	if fault := pureFault("sconce/radio", "net"); fault != "" {
		t.Error(fault)
	}
}

func TestTheTableIsInTheArchitecture(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		name := strings.TrimPrefix(strings.TrimPrefix(l.packages, "sconce"), "/")
		if name == "" {
			name = "/*.go"
		}
		if !strings.Contains(string(text), "| `"+name+"` |") {
			t.Errorf("ARCHITECTURE.md has no row for `%s`", name)
		}
	}
}

func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" && !p.generated() {
			t.Errorf("package %s has no package comment: what is it for, which document does it follow, what will it not do?", p.ImportPath)
		}
	}
}

func TestFiles(t *testing.T) {
	for _, p := range packages(t) {
		l, _ := layerOf(p.ImportPath)
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			text, err := os.ReadFile(p.path(name))
			if err != nil {
				t.Fatal(err)
			}
			if !p.generated() {
				if n := bytes.Count(text, []byte("\n")); n > maxLines {
					t.Errorf("%s: %d lines, at most %d: where is the seam?", p.path(name), n, maxLines)
				}
			}
			test := strings.HasSuffix(name, "_test.go")
			for _, fault := range codeFaults(t, name, text, test, l.pure && !test) {
				t.Errorf("%s/%s", p.ImportPath, fault)
			}
		}
	}
}

// codeFaults returns what a file does that it may not, with line numbers.
func codeFaults(t *testing.T, name string, text []byte, test, pure bool) []string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var faults []string
	fault := func(n ast.Node, what string) {
		faults = append(faults, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), what))
	}
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR && pure {
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == 0 {
					fault(d, "a pure package holds no state: a package-level variable without a value can only be written to later")
				}
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if pure {
				fault(n, "a pure package starts no goroutine")
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch call := x.Name + "." + n.Sel.Name; {
			case test && call == "time.Sleep":
				fault(n, "no test sleeps: pass the time in, use testing/synctest, or wait for the thing itself")
			case test && slices.Contains([]string{"t.Skip", "t.Skipf", "t.SkipNow", "b.Skip", "b.Skipf"}, call):
				fault(n, "no test is skipped: say what is missing and fail")
			case pure && slices.Contains([]string{"time.Now", "time.Sleep", "time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Since", "time.Until"}, call):
				fault(n, "a pure package takes the time as an argument")
			}
		}
		return true
	})
	return faults
}

// TestCodeFaults shows that the rules above can refuse.
func TestCodeFaults(t *testing.T) {
	for _, c := range []struct {
		code       string
		test, pure bool
		faults     int
	}{
		{"func f() { time.Sleep(1) }", true, false, 1},
		{"func f() { time.Sleep(1) }", false, false, 0},
		{"func f(t *testing.T) { t.Skip() }", true, false, 1},
		{"func f() { go f() }", false, true, 1},
		{"func f() { go f() }", false, false, 0},
		{"func f() { time.Now() }", false, true, 1},
		{"var x int", false, true, 1},
		{"var x = 1", false, true, 0},
	} {
		if got := codeFaults(t, "x.go", []byte("package x\n"+c.code), c.test, c.pure); len(got) != c.faults {
			t.Errorf("%s (test %v, pure %v): %q", c.code, c.test, c.pure, got)
		}
	}
}

// TestSecurityNamesItsTests holds the threat model, and the table of the Application Security
// Verification Standard, to tests that exist.
func TestSecurityNamesItsTests(t *testing.T) {
	var code strings.Builder
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			b, err := os.ReadFile(p.path(name))
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
	}
	for _, file := range []string{"SECURITY.md", "docs/asvs.md", "docs/mqtt.md"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
		if len(names) < 50 {
			t.Errorf("%s names only %d tests", file, len(names))
		}
		for _, n := range names {
			if !strings.Contains(code.String(), "func "+n[1]+"(t *testing.T)") {
				t.Errorf("%s names %s, which is not there", file, n[1])
			}
		}
	}
}

// TestVerificationStandard: each requirement has one row, which says that it is shown, does
// not apply or is not yet met, and the sum is that of the rows.
func TestVerificationStandard(t *testing.T) {
	text, err := os.ReadFile("../../docs/asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var shown, part, open, none int
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+) \| [12] \| (.+) \| (.+) \|$`).FindAllStringSubmatch(string(text), -1) {
		if seen[row[1]] {
			t.Errorf("%s is there twice", row[1])
		}
		seen[row[1]] = true
		tested, notYet := strings.Contains(row[3], "`Test"), strings.Contains(row[3], "**not yet**")
		switch {
		case strings.HasPrefix(row[3], "not applicable: "):
			none++
		case tested && notYet:
			part++
		case tested:
			shown++
		case notYet:
			open++
		default:
			t.Errorf("%s says neither which test shows it, nor that it is not yet met or does not apply: %s", row[1], row[3])
		}
	}
	if sum := fmt.Sprintf("Of %d requirements tests show %d, %d in part; %d are not yet; %d do not apply", len(seen), shown, part, open, none); !strings.Contains(string(text), sum) {
		t.Errorf("docs/asvs.md lacks the sum: %s", sum)
	}
}

// TestMQTTStatements: each numbered statement of MQTT 5.0 has its place in one row, and the sum
// is that of the rows. There are 251 (appendix B); 2.2.1-1 is none.
func TestMQTTStatements(t *testing.T) {
	text, err := os.ReadFile("../../docs/mqtt.md")
	if err != nil {
		t.Fatal(err)
	}
	seen, sections := map[string]bool{"2.2.1-1": true}, map[string]int{"2.2.1": 1}
	count := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| ((?:\d\.\d+\.\d-\d+ ?)+) \| (.+) \| (.+) \|$`).FindAllStringSubmatch(string(text), -1) {
		kind := "shown"
		for _, k := range []string{"client", "not by design", "not applicable"} {
			if strings.HasPrefix(row[3], k) {
				kind = k
			}
		}
		if kind == "shown" && !strings.Contains(row[3], "`Test") {
			t.Errorf("%s says neither which test shows it nor why none does: %s", row[1], row[3])
		}
		for statement := range strings.FieldsSeq(row[1]) {
			if seen[statement] {
				t.Errorf("%s is there twice", statement)
			}
			section, _, _ := strings.Cut(statement, "-")
			seen[statement], count[kind] = true, count[kind]+1
			sections[section]++
		}
	}
	for section, n := range sections {
		for i := range n {
			if statement := fmt.Sprintf("%s-%d", section, i+1); !seen[statement] {
				t.Errorf("%s is missing", statement)
			}
		}
	}
	sum := fmt.Sprintf("Of %d statements tests show %d; %d bind clients alone, %d do not apply, and %d are not kept by design",
		len(seen)-1, count["shown"], count["client"], count["not applicable"], count["not by design"])
	if len(seen) != 252 || !strings.Contains(string(text), sum) {
		t.Errorf("docs/mqtt.md lacks the sum: %s", sum)
	}
}
