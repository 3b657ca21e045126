package identity

import (
	"encoding/json"
	"net/netip"
	"strings"

	"sconce/cloud/audit"
	"sconce/cloud/vault"
)

// Client is where a request comes from, as far as it tells.
type Client struct {
	From  netip.Addr
	Agent string // what the program calls itself (RFC 9110, 10.1.5)
}

// Device returns what a person recognises their device by: the browser and the system, as in
// "Firefox on Linux". It keeps no version and nothing else of what the program says
// of itself, so that it tells no two people of one office apart.
func (c Client) Device() string {
	browser, system := first(c.Agent, browsers[:]), first(c.Agent, systems[:])
	switch {
	case browser == "" && system == "":
		return "Another program"
	case browser == "":
		return "A program on " + system
	case system == "":
		return browser
	default:
		return browser + " on " + system
	}
}

// A mark is what programs of a name have in what they call themselves.
type mark struct{ in, name string }

// Browsers and systems call themselves by the names of those that they want to be taken
// for as well: so the order matters, and the first that is found counts.
var (
	browsers = [...]mark{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"},
	}
	systems = [...]mark{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	}
)

func first(agent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(agent, m.in) {
			return m.name
		}
	}
	return ""
}

// place names where a request came from for counting: an IPv4 address, or the
// /64 of an IPv6 address, which one household has as a whole.
func (c Client) place() string {
	from := c.From.Unmap().WithZone("")
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			return p.String()
		}
	}
	return from.String()
}

// Network returns the part of the network that the request came from, as far as people are
// told later: the /24 of an IPv4 address, the /48 of an IPv6 address, "" when not known. It says in
// which town or at which provider somebody was, and not in which home.
func (c Client) Network() string {
	from := c.From.Unmap().WithZone("")
	bits := 24
	if from.Is6() {
		bits = 48
	}
	if !from.IsValid() || from.IsLoopback() {
		return ""
	}
	p, err := from.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// origin names, in the security log, where somebody comes from who is not signed in: the
// network and the kind of program, as coarse as [Client.Network] and [Client.Device] say. That
// an entry stays for ever is why it has no more: it has to tell an attack from a forgotten
// password, and must not tell who it was of the people behind it.
func (c Client) origin() audit.Origin {
	network := c.Network()
	if network == "" {
		network = "local"
	}
	return audit.Origin("network:" + network + " " + c.Device())
}

// Where is on which device and in which network somebody was.
type Where struct {
	Device  string `json:"device"`
	Network string `json:"network,omitempty"` // "" when not known
}

func (c Client) where() Where { return Where{c.Device(), c.Network()} }

func (s *Service) sealWhere(w Where, at vault.Field) ([]byte, error) {
	plain, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	return s.vault.Seal(plain, at)
}

// openWhere is the reverse of sealWhere. It returns the zero value where nothing was kept.
func (s *Service) openWhere(sealed []byte, at vault.Field) (w Where, err error) {
	if len(sealed) == 0 {
		return Where{}, nil
	}
	plain, err := s.vault.Open(sealed, at)
	if err != nil {
		return Where{}, err
	}
	return w, json.Unmarshal(plain, &w)
}
