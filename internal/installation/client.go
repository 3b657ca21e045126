package installation

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"time"

	"sconce"
)

// A Client uses the HTTP API over TLS, as an integrator's program would.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client of the installation's cloud; nobody is signed in.
func (i *Installation) NewClient() (*Client, error) {
	ca, err := os.ReadFile(i.HostCA())
	if err != nil {
		return nil, fmt.Errorf("reading host authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("reading host authority: %s is not a certificate", i.HostCA())
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("making cookie jar: %w", err)
	}
	server := address(i.TLSPort)
	return &Client{
		base: fmt.Sprintf("https://%s:%d/api/v1", i.Domain, i.TLSPort),
		http: &http.Client{
			Jar:     jar,
			Timeout: 30 * time.Second,
			Transport: &http.Transport{
				TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2:   true,
				MaxIdleConnsPerHost: 16,
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, server)
				},
			},
		},
	}, nil
}

// SignIn signs the owner in.
func (c *Client) SignIn(ctx context.Context, email, password string) error {
	return c.Do(ctx, http.MethodPost, "/sessions", map[string]string{"email": email, "password": password}, nil)
}

// Do sends a request with a JSON body (none when in is nil) to a path below
// /api/v1, and reads a JSON answer into out (not when out is nil). An answer
// that is not of the 200s is an [*APIError].
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("making request: %w", err)
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return &APIError{Method: method, Path: path, Status: response.StatusCode, Body: string(text)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("reading answer of %s %s: %w", method, path, err)
	}
	return nil
}

// APIError is an answer of the API that is not of the 200s.
type APIError struct {
	Method, Path string
	Status       int
	Body         string // problem+json (RFC 9457)
}

// Error says what was asked and what came back.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", e.Method, e.Path, e.Status, e.Body)
}

// The parts of the API's answers that this package and its users read.
type (
	// Project is a project with its networks.
	Project struct {
		ID       sconce.ProjectID `json:"id"`
		Name     string           `json:"name"`
		Networks []struct {
			ID      sconce.NetworkID `json:"id"`
			Gateway *struct {
				EUI64  sconce.EUI64 `json:"eui64"`
				Online bool         `json:"online"`
			} `json:"gateway"`
		} `json:"networks"`
	}

	// DeviceView is a device as the API shows it.
	DeviceView struct {
		EUI64  sconce.EUI64     `json:"eui64"`
		Groups []sconce.GroupID `json:"groups"`
		Stage  string           `json:"stage"`
		State  *DeviceState     `json:"state"`
	}

	// DeviceState is what a device confirmed.
	DeviceState struct {
		Reachable bool     `json:"reachable"`
		On        *bool    `json:"on"`
		Level     *int     `json:"level"`
		Power     *float64 `json:"power_w"`
		HeardAt   string   `json:"heard_at"`
	}

	// Group is a group as the API shows it.
	Group struct {
		ID      sconce.GroupID `json:"id"`
		Name    string         `json:"name"`
		Devices []sconce.EUI64 `json:"devices"`
	}

	// Command is a command and what became of it.
	Command struct {
		ID        sconce.CommandID `json:"id"`
		Status    string           `json:"status"`
		Confirmed int              `json:"confirmed"`
		Of        int              `json:"of"`
		Outcomes  []struct {
			EUI64  sconce.EUI64 `json:"eui64"`
			Status string       `json:"status"`
		} `json:"outcomes"`
	}

	list[T any] struct {
		Items []T `json:"items"`
	}
)

// Projects returns the projects of whoever is signed in.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	var out list[Project]
	err := c.Do(ctx, http.MethodGet, "/projects", nil, &out)
	return out.Items, err
}

// Project returns one project.
func (c *Client) Project(ctx context.Context, id sconce.ProjectID) (Project, error) {
	var out Project
	err := c.Do(ctx, http.MethodGet, "/projects/"+string(id), nil, &out)
	return out, err
}

// Devices returns the devices of a project.
func (c *Client) Devices(ctx context.Context, id sconce.ProjectID) ([]DeviceView, error) {
	var out list[DeviceView]
	err := c.Do(ctx, http.MethodGet, "/projects/"+string(id)+"/devices", nil, &out)
	return out.Items, err
}

// Groups returns the groups of a project.
func (c *Client) Groups(ctx context.Context, id sconce.ProjectID) ([]Group, error) {
	var out list[Group]
	err := c.Do(ctx, http.MethodGet, "/projects/"+string(id)+"/groups", nil, &out)
	return out.Items, err
}

// Command sends a command (as in {"device": …, "level": …}) and waits until it
// has ended.
func (c *Client) Command(ctx context.Context, id sconce.ProjectID, command map[string]any) (Command, error) {
	var out Command
	path := "/projects/" + string(id) + "/commands"
	if err := c.Do(ctx, http.MethodPost, path, command, &out); err != nil {
		return out, err
	}
	for out.Status == "pending" {
		if err := c.Do(ctx, http.MethodGet, path+"/"+string(out.ID)+"?wait_ms=10000", nil, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// SetUp makes the owner's project with its network, gateway, groups, lights and sensors,
// as far as they are not there yet. The cloud must be running.
func (i *Installation) SetUp(ctx context.Context, c *Client, name string) (sconce.ProjectID, error) {
	project, err := i.project(ctx, c, name)
	if err != nil {
		return "", err
	}
	path := "/projects/" + string(project.ID)
	if len(project.Networks) == 0 {
		if err := c.Do(ctx, http.MethodPost, path+"/networks", map[string]any{"name": "Lights"}, nil); err != nil {
			return "", err
		}
		if project, err = c.Project(ctx, project.ID); err != nil {
			return "", err
		}
	}
	network := project.Networks[0]
	if network.Gateway == nil {
		claim := map[string]any{"eui64": i.Gateway.EUI64, "claim_code": i.Gateway.Secret, "network_id": network.ID}
		if err := c.Do(ctx, http.MethodPost, path+"/gateways", claim, nil); err != nil {
			return "", err
		}
	}
	groups, err := i.groups(ctx, c, project.ID, network.ID)
	if err != nil {
		return "", err
	}
	return project.ID, i.addDevices(ctx, c, project.ID, network.ID, groups)
}

func (i *Installation) project(ctx context.Context, c *Client, name string) (Project, error) {
	projects, err := c.Projects(ctx)
	if err != nil {
		return Project{}, err
	}
	if len(projects) > 0 {
		return c.Project(ctx, projects[0].ID)
	}
	var made Project
	err = c.Do(ctx, http.MethodPost, "/projects", map[string]any{"name": name}, &made)
	return made, err
}

// groups returns the group of each name of the plan.
func (i *Installation) groups(ctx context.Context, c *Client, project sconce.ProjectID, network sconce.NetworkID) (map[string]sconce.GroupID, error) {
	there, err := c.Groups(ctx, project)
	if err != nil {
		return nil, err
	}
	ids := map[string]sconce.GroupID{}
	for _, g := range there {
		ids[g.Name] = g.ID
	}
	for _, name := range i.Groups {
		if ids[name] != "" {
			continue
		}
		var made Group
		group := map[string]any{"name": name, "network_id": network, "devices": []string{}}
		if err := c.Do(ctx, http.MethodPost, "/projects/"+string(project)+"/groups", group, &made); err != nil {
			return nil, err
		}
		ids[name] = made.ID
	}
	return ids, nil
}

func (i *Installation) addDevices(ctx context.Context, c *Client, project sconce.ProjectID, network sconce.NetworkID, groups map[string]sconce.GroupID) error {
	devices, err := c.Devices(ctx, project)
	if err != nil {
		return err
	}
	there := map[sconce.EUI64]bool{}
	for _, d := range devices {
		there[d.EUI64] = true
	}
	add := func(d Device, name string, group int) error {
		if there[d.EUI64] {
			return nil
		}
		return c.Do(ctx, http.MethodPost, "/projects/"+string(project)+"/devices", map[string]any{
			"network_id": network, "eui64": d.EUI64, "install_code": d.Secret, "position_name": name,
			"groups": []sconce.GroupID{groups[i.Groups[group]]},
		}, nil)
	}
	for _, l := range i.Lights {
		if err := add(l.Device, l.Name, l.Group); err != nil {
			return err
		}
	}
	for _, s := range i.Sensed {
		if err := add(s.Device, s.Name, s.Group); err != nil {
			return err
		}
	}
	return nil
}
