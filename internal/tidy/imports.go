// Package tidy holds the project to its own rules: who may import whom, what a
// pure package may not do, how large a file may grow, what a test may not
// contain. The rules are data in this package; its tests apply them to the
// whole tree and say which rule is broken, where and why.
//
// It does not format code or find bugs: gofumpt and golangci-lint do.
package tidy

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A layer is a row of the import table: a package, or with /... a package and
// all below it, and which packages of the project it may import besides itself.
type layer struct {
	packages string
	pure     bool // no network, files, clock, goroutines or package-level state
	may      []string
}

const (
	root       = "sconce"
	everything = "sconce/..."
)

// capabilities are the parts of the cloud that hold its rules.
var capabilities = []string{
	"sconce/cloud/access", "sconce/cloud/alert", "sconce/cloud/alert/rules", "sconce/cloud/audit", "sconce/cloud/identity", "sconce/cloud/invitation", "sconce/cloud/mail", "sconce/cloud/oauth", "sconce/cloud/once", "sconce/cloud/project", "sconce/cloud/registry", "sconce/cloud/lighting", "sconce/cloud/rollup", "sconce/cloud/support", "sconce/cloud/telemetry",
	"sconce/cloud/privacy", "sconce/cloud/vault", "sconce/cloud/consent", "sconce/cloud/deletion", "sconce/cloud/energy", "sconce/cloud/energy/figures", "sconce/cloud/export", "sconce/cloud/homeassistant",
}

// layers is the import table of ARCHITECTURE.md. A package that no row names may
// import nothing of the project, so that a new package needs a row. The first
// row that names a package counts.
var layers = []layer{
	{"sconce", true, nil},
	{"sconce/ccm", true, nil},
	{"sconce/wire", true, []string{root}},
	{"sconce/mqtt", true, nil},
	{"sconce/zigbee", true, []string{"sconce/ccm"}},
	{"sconce/zigbee/mac", true, []string{"sconce/zigbee", "sconce/ccm"}},
	{"sconce/zigbee/nwk", true, []string{"sconce/zigbee", "sconce/ccm"}},
	{"sconce/zigbee/aps", true, []string{"sconce/zigbee", "sconce/ccm"}},
	{"sconce/zigbee/zdo", true, []string{"sconce/zigbee", "sconce/ccm"}},
	{"sconce/zigbee/zcl", true, []string{"sconce/zigbee", "sconce/ccm"}},
	{"sconce/zigbee/gp", true, []string{"sconce/zigbee", "sconce/ccm"}},
	{"sconce/zigbee/stack", true, []string{"sconce/zigbee/...", "sconce/ccm"}},
	{"sconce/radio/...", false, []string{"sconce/radio/..."}},
	{"sconce/device", true, []string{root, "sconce/zigbee/..."}},
	{"sconce/sim", false, []string{root, "sconce/device", "sconce/radio/...", "sconce/zigbee/..."}},
	{"sconce/gateway/...", false, []string{root, "sconce/gateway/...", "sconce/wire", "sconce/radio/...", "sconce/zigbee/..."}},
	{"sconce/factory", false, []string{root, "sconce/zigbee"}},
	{"sconce/cloud/access", false, []string{root, "sconce/cloud/audit", "sconce/cloud/identity", "sconce/cloud/project", "sconce/cloud/vault"}},
	{"sconce/cloud/alert/rules", true, []string{root}},
	{"sconce/cloud/alert", false, []string{root, "sconce/cloud/alert/rules", "sconce/cloud/attempts", "sconce/cloud/mail", "sconce/cloud/project", "sconce/cloud/telemetry", "sconce/cloud/vault"}},
	{"sconce/cloud/attempts", false, nil},
	{"sconce/cloud/audit", false, []string{root, "sconce/cloud/attempts"}},
	{"sconce/cloud/consent", false, []string{root, "sconce/cloud/audit"}},
	{"sconce/cloud/deletion", false, []string{root, "sconce/cloud/audit", "sconce/cloud/identity", "sconce/cloud/mail", "sconce/cloud/project"}},
	{"sconce/cloud/energy/figures", true, []string{root, "sconce/cloud/rollup"}},
	{"sconce/cloud/energy", false, []string{root, "sconce/cloud/energy/figures", "sconce/cloud/project", "sconce/cloud/rollup", "sconce/cloud/telemetry"}},
	{"sconce/cloud/export", false, []string{root, "sconce/cloud/audit", "sconce/cloud/lighting", "sconce/cloud/project", "sconce/cloud/telemetry"}},
	{"sconce/cloud/homeassistant", false, []string{root, "sconce/wire", "sconce/cloud/attempts", "sconce/cloud/lighting", "sconce/cloud/project", "sconce/cloud/telemetry"}},
	{"sconce/cloud/identity", false, []string{root, "sconce/cloud/attempts", "sconce/cloud/audit", "sconce/cloud/mail", "sconce/cloud/vault"}},
	{"sconce/cloud/invitation", false, []string{root, "sconce/cloud/identity", "sconce/cloud/mail", "sconce/cloud/project"}},
	{"sconce/cloud/mail", false, []string{root, "sconce/cloud/vault"}},
	{"sconce/cloud/oauth", false, []string{root, "sconce/cloud/access", "sconce/cloud/audit", "sconce/cloud/identity", "sconce/cloud/project", "sconce/cloud/vault"}},
	{"sconce/cloud/once", false, []string{root, "sconce/cloud/vault"}},
	{"sconce/cloud/project", false, []string{root, "sconce/cloud/attempts", "sconce/cloud/audit"}},
	{"sconce/cloud/support", false, []string{root, "sconce/cloud/attempts", "sconce/cloud/audit", "sconce/cloud/identity", "sconce/cloud/mail", "sconce/cloud/project", "sconce/cloud/vault"}},
	{"sconce/cloud/privacy", false, []string{root, "sconce/cloud/attempts", "sconce/cloud/audit", "sconce/cloud/identity", "sconce/cloud/project"}},
	{"sconce/cloud/provider", false, []string{root, "sconce/cloud/identity"}},
	{"sconce/cloud/vault", false, []string{root}},
	{"sconce/cloud/registry", false, []string{root, "sconce/cloud/attempts", "sconce/cloud/audit", "sconce/cloud/project"}},
	{"sconce/cloud/rollup", true, []string{root}},
	{"sconce/cloud/telemetry", false, []string{root, "sconce/cloud/project", "sconce/cloud/rollup"}},
	{"sconce/cloud/lighting", false, []string{root, "sconce/wire", "sconce/cloud/project", "sconce/cloud/vault"}},
	{"sconce/cloud/edge", false, []string{root, "sconce/wire", "sconce/mqtt"}},
	{"sconce/cloud/ingest", false, slices.Concat([]string{root, "sconce/wire"}, capabilities)},
	{"sconce/cloud/api", false, slices.Concat([]string{root, "sconce/wire", "sconce/cloud/attempts"}, capabilities)},
	{"sconce/cloud/store/storetest", false, slices.Concat([]string{root, "sconce/wire", "sconce/cloud/ingest", "sconce/cloud/store/...", "sconce/internal/postgres"}, capabilities)},
	{"sconce/cloud/store/...", false, slices.Concat([]string{root, "sconce/wire", "sconce/cloud/ingest", "sconce/cloud/store/..."}, capabilities)},
	{"sconce/app", false, nil},
	{"sconce/internal/config", false, nil},
	{"sconce/internal/corpus", false, nil},
	{"sconce/internal/tshark", false, nil},
	{"sconce/internal/mosquitto", false, nil},
	{"sconce/internal/guards", false, nil},
	{"sconce/internal/naughty", false, nil},
	{"sconce/internal/postgres", false, nil},
	{"sconce/internal/powercut", false, nil},
	{"sconce/internal/mqttload", false, nil},
	{"sconce/internal/securitykey", false, nil},
	{"sconce/internal/issuer", false, nil},
	{"sconce/internal/installation", false, []string{root, "sconce/factory", "sconce/sim"}},
	{"sconce/internal/history", false, []string{root, "sconce/wire", "sconce/gateway/link", "sconce/sim", "sconce/device", "sconce/internal/installation"}},
	{"sconce/internal/bench", false, []string{everything}},
	{"sconce/internal/tidy", false, nil},
	{"sconce/internal/e2e", false, []string{everything}},
	{"sconce/internal/interop", false, []string{root, "sconce/device", "sconce/sim", "sconce/zigbee", "sconce/internal/tshark"}},
	{"sconce/cmd/sconce-gateway", false, []string{root, "sconce/gateway/...", "sconce/radio/...", "sconce/wire", "sconce/zigbee/...", "sconce/internal/config"}},
	{"sconce/cmd/...", false, []string{everything}},
}

// layerOf returns the row that names a package.
func layerOf(pkg string) (layer, bool) {
	i := slices.IndexFunc(layers, func(l layer) bool { return matches(l.packages, pkg) })
	if i < 0 {
		return layer{}, false
	}
	return layers[i], true
}

func matches(pattern, pkg string) bool {
	base, deep := strings.CutSuffix(pattern, "/...")
	return pkg == base || deep && strings.HasPrefix(pkg, base+"/")
}

// importFault says why pkg may not import imported, or "".
func importFault(pkg, imported string) string {
	if !matches(everything, imported) {
		return ""
	}
	l, ok := layerOf(pkg)
	if !ok {
		return fmt.Sprintf("package %s has no row in the import table (internal/tidy/imports.go and ARCHITECTURE.md)", pkg)
	}
	for _, pattern := range l.may {
		if matches(pattern, imported) {
			return ""
		}
	}
	return fmt.Sprintf("package %s may not import %s; the import table allows it %s", pkg, imported, allowed(l))
}

// pureFault says why a pure package may not import a package of the standard
// library, or "".
func pureFault(pkg, imported string) string {
	if l, ok := layerOf(pkg); !ok || !l.pure {
		return ""
	}
	for _, banned := range []string{"net", "os", "os/...", "net/...", "crypto/rand", "math/rand", "sync", "sync/...", "log", "log/slog", "database/sql"} {
		if matches(banned, imported) && !strings.HasPrefix(imported, "net/netip") {
			// slog's LogValuer is how a secret keeps itself out of logs; it does no I/O.
			if imported == "log/slog" {
				continue
			}
			return fmt.Sprintf("package %s is pure and may not import %s: take time, randomness and I/O as arguments", pkg, imported)
		}
	}
	return ""
}

func allowed(l layer) string {
	if len(l.may) == 0 {
		return "nothing of the project"
	}
	short := make([]string, len(l.may))
	for i, m := range l.may {
		short[i] = path.Join(".", strings.TrimPrefix(m, "sconce/"))
	}
	return strings.Join(short, ", ")
}
