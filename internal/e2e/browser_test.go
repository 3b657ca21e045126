package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"sconce"
)

// browser starts a headless Chromium that reaches this machine alone.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not here: install it with apt-get install --no-install-recommends chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 900),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func byTestID(id string) string { return fmt.Sprintf(`[data-testid=%q]`, id) }

// page is a browser's page on a system.
type page struct {
	*system
	ctx context.Context
}

func (p page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.picture("failure")
		p.t.Fatalf("%s: %v", what, err)
	}
}

// attribute returns an attribute of an element, "" when either is not there.
func (p page) attribute(id, name string) string {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.getAttribute(%q) ?? ""`, byTestID(id), name)))
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// picture keeps what the page looks like, where SCONCE_E2E_PICTURES says.
func (p page) picture(name string) {
	dir := os.Getenv("SCONCE_E2E_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		p.t.Logf("picture %s: %v", name, err)
	}
}

// TestBrowser is what a newcomer does: sign in, see the lights, dim one, and see
// the gateway go and come back. The level is asserted inside the virtual light.
func TestBrowser(t *testing.T) {
	s := boot(t, 12)
	p := page{s, browser(t)}
	p.do("signing in",
		chromedp.Navigate(fmt.Sprintf("http://localhost:%d/", s.HTTPPort)),
		chromedp.WaitVisible(byTestID("sign-in-email")),
		chromedp.SendKeys(byTestID("sign-in-email"), s.Email),
		chromedp.SendKeys(byTestID("sign-in-password"), s.Password),
		chromedp.Click(byTestID("sign-in-submit")),
		chromedp.WaitVisible(byTestID("project")),
	)
	light := s.Lights[2]
	id := "light-" + light.EUI64.String()
	s.await(20*time.Second, "the lights on the screen", func() bool {
		return p.attribute(id, "data-reachable") == "true" && p.attribute("gateway-status", "data-online") == "true"
	})
	for _, l := range s.Lights {
		if p.attribute("light-"+l.EUI64.String(), "data-on") == "" {
			t.Errorf("%s is not on the screen", l.Name)
		}
	}
	p.picture("project")

	p.dim(light.EUI64)
	p.toggle(light.EUI64)

	t.Run("the gateway goes and comes back", func(t *testing.T) {
		if err := s.gateway.Stop(); err != nil {
			t.Fatal(err)
		}
		await(t, 30*time.Second, "the screen to say that the gateway is offline", func() bool {
			return p.attribute("gateway-status", "data-online") == "false"
		})
		p.picture("offline")
		s.startGateway()
		await(t, 30*time.Second, "the screen to say that the gateway is back", func() bool {
			return p.attribute("gateway-status", "data-online") == "true"
		})
		p.toggle(light.EUI64)
	})
}

// dim moves the slider of a light by the keyboard, and waits until the light has
// confirmed the level, on the screen and inside.
func (p page) dim(light sconce.EUI64) {
	p.t.Helper()
	slider := byTestID("light-level-" + light.String())
	p.do("dimming", chromedp.Focus(slider), chromedp.KeyEvent(kb.End), chromedp.KeyEvent(kb.PageDown), chromedp.KeyEvent(kb.PageDown))
	asked, err := chromedp.Run(p.ctx, chromedp.Evaluate[float64](fmt.Sprintf(`document.querySelector(%q).valueAsNumber`, slider)))
	if err != nil || asked <= 0 || asked >= 1000 {
		p.t.Fatalf("the slider stands at %v, %v; expected between 0 and 1000", asked, err)
	}
	p.await(10*time.Second, fmt.Sprintf("the screen to confirm level %v ‰", asked), func() bool {
		var level int
		_, err := fmt.Sscan(p.attribute("light-"+light.String(), "data-level"), &level)
		return err == nil && float64(level)-asked <= 2 && asked-float64(level) <= 2 // 254 steps
	})
	inside, _ := p.building.Light(light)
	if want := uint8((asked*254 + 500) / 1000); !inside.On || inside.Level != want {
		p.t.Errorf("the screen confirms %v ‰; inside the light it is %+v, expected level %d", asked, inside, want)
	}
}

// toggle switches a light by its switch, and waits for the light and the screen.
func (p page) toggle(light sconce.EUI64) {
	p.t.Helper()
	before, _ := p.building.Light(light)
	p.do("switching", chromedp.Click(byTestID("light-toggle-"+light.String())))
	p.await(10*time.Second, "the light to be switched", func() bool {
		now, _ := p.building.Light(light)
		return now.On != before.On && p.attribute("light-"+light.String(), "data-on") == fmt.Sprint(now.On)
	})
}
