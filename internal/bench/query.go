package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"sconce"
	"sconce/cloud/api"
	"sconce/cloud/energy"
	"sconce/cloud/energy/figures"
	"sconce/cloud/project"
	"sconce/cloud/store"
)

// How questions are asked: one after the other, as people do.
const (
	queryTimes = 100 // a round
	queryWarm  = 5
)

// question is a request to the API.
type question struct {
	name  string
	scope project.Scope
	path  string
	least int // bytes of every page of the answer
	rates []figures.Rate
	past  bool // the year before is the baseline
	aim   aim
}

// questions returns what is asked; year is the aim for energy, in ms.
func (d *archived) questions(year float64) []question {
	at := valueAtMost(year)
	from, to := queryEnds.Add(-1, 0, 0), queryEnds
	period := fmt.Sprintf("/energy?from=%s&to=%s", from, to)
	more := fmt.Sprintf("/energy?from=%s&to=%s", quartersBegin, to)
	price, dear := 0.3, []figures.Time{{Days: figures.EveryDay, From: 6 * 4, To: 20 * 4, Price: 0.4}, {Days: figures.EveryDay, From: 22 * 4, To: 5 * 4, Price: 0.2}}
	flat := []figures.Rate{{From: queryBegins, Price: &price}}
	byTime := append(flat[:1:1], figures.Rate{From: quartersBegin, Price: &price, Times: dear})
	return []question{
		{"query", d.year, period + "&by=month", 3000, flat, false, at},
		{"query_days", d.year, period + "&by=day", 50_000, flat, false, at},
		{"query_groups", d.year, period + "&by=month&per=group", 4000, flat, false, at},
		{"query_devices", d.year, period + "&by=month&per=device", 100_000, flat, false, at},
		{"query_tariff", d.year, more + "&by=month&per=group", 4000, byTime, false, at},
		{"query_compared", d.year, period + "&by=month&compare=previous", 4000, byTime, true, at},
		{"query_list", d.list, "/devices?limit=1000", 100_000, nil, false, valueAtMost(500)},
		{"query_alerts", d.list, "/alerts?limit=1000", 50_000, nil, false, valueAtMost(50)},
	}
}

// queryNames returns the names of the figures of questions on an engine.
func queryNames(engine string) (all []string) {
	for _, q := range (&archived{}).questions(0) {
		all = append(all, q.figure(engine))
	}
	return all
}

func (q question) figure(engine string) string { return q.name + engine + "_ms" }

// queriesSQLite measures questions on SQLite.
func (b *bench) queriesSQLite(ctx context.Context) ([]Figure, error) {
	return b.queries(ctx, "", 50, func(_, dir string) (*store.Store, error) { return store.Open(ctx, dir) })
}

// queriesPostgres measures them on PostgreSQL, with what was copied there from SQLite.
func (b *bench) queriesPostgres(ctx context.Context) ([]Figure, error) {
	open, err := onPostgres(ctx)
	if err != nil {
		return nil, err
	}
	return b.queries(ctx, "_postgres", 20, open)
}

// queries measures how long the API takes to answer, beside the time that it takes to say what
// was decided about energy: two rows.
func (b *bench) queries(ctx context.Context, engine string, year float64, open func(name, dir string) (*store.Store, error)) (_ []Figure, err error) {
	dir := filepath.Join(b.dir, "queries"+engine)
	b.say("making %d lights with 13 months of sums and %d readings, and %d devices with alerts", yearDevices, b.Readings, listNetworks*sconce.MaxNodesPerNetwork)
	d, err := b.archive(ctx, dir, dir+".key")
	if err != nil {
		return nil, err
	}
	s, err := open("queries", dir)
	if err != nil {
		return nil, err
	}
	if err := d.open(ctx, s, dir+".key"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	var all []Figure
	for _, q := range d.questions(year) {
		var rounds []round
		if err := d.decide(ctx, q); err != nil {
			return nil, err
		}
		for n := range b.Rounds {
			cold, took, cpu, err := asked(func() error { return d.ask(ctx, q) })
			if err != nil {
				return nil, err
			}
			_, floor, _, err := asked(func() error {
				_, err := d.get(ctx, api.Prefix+"/projects/"+string(q.scope.Project())+"/energy-settings")
				return err
			})
			if err != nil {
				return nil, err
			}
			b.say("  %s, round %d: the first %.1f ms, p50 %.1f, p99 %.1f; %.1f ms of CPU", q.figure(engine), n+1, cold, median(took), percentile(took, 99), cpu)
			rounds = append(rounds, round{percentile(took, 99), percentile(floor, 99)})
		}
		all = append(all, newFigure(q.figure(engine), "ms", "its_settings_p99_ms", rounds, q.aim))
	}
	return all, nil
}

// asked asks, and returns how long the first answer took, and the others but the next few, in
// ms, and the CPU time of this process for each.
func asked(ask func() error) (first float64, took []float64, cpu float64, err error) {
	var used time.Duration
	for i := range 1 + queryWarm + queryTimes {
		if i == 1+queryWarm {
			used = ownCPU()
		}
		begun := time.Now()
		if err := ask(); err != nil {
			return 0, nil, 0, err
		}
		ms := milliseconds(time.Since(begun))
		switch {
		case i == 0:
			first = ms
		case i > queryWarm:
			took = append(took, ms)
		}
	}
	return first, took, milliseconds(ownCPU()-used) / queryTimes, nil
}

// decide makes the settings those of a question.
func (d *archived) decide(ctx context.Context, q question) error {
	if q.scope == d.list {
		return nil
	}
	set := yearSettings()
	set.Rates = q.rates
	if q.past {
		set.Baseline = energy.Baseline{Kind: energy.Past, From: queryBegins, To: queryBegins.Add(1, 0, 0)}
	}
	if err := d.energy.SetSettings(ctx, q.scope, set); err != nil {
		return err
	}
	return d.settle(ctx)
}

// ask asks a question over HTTP, and for all pages of the answer one after the other.
func (d *archived) ask(ctx context.Context, q question) error {
	path := api.Prefix + "/projects/" + string(q.scope.Project()) + q.path
	for cursor := ""; ; {
		body, err := d.get(ctx, path+cursor)
		if err != nil {
			return err
		}
		var page struct {
			Next string `json:"next_cursor"`
		}
		if len(body) < q.least || q.rates != nil && bytes.Contains(body, []byte(`"cost":null`)) {
			return fmt.Errorf("%s: an answer of %d bytes, or without a cost", path, len(body))
		}
		if !q.paged() {
			return nil
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if page.Next == "" {
			return nil
		}
		cursor = "&cursor=" + url.QueryEscape(page.Next)
	}
}

func (q question) paged() bool { return q.name == "query_list" }

func (d *archived) get(ctx context.Context, path string) (body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.origin+path, nil)
	if err != nil {
		return nil, err
	}
	r.AddCookie(&http.Cookie{Name: "session", Value: d.askers[0].token.Reveal()}) //nolint:gosec // of a client, on loopback
	answer, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	body, err = io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %.300s", path, answer.StatusCode, body)
	}
	return body, err
}
