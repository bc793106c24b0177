package lint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

func keeps(access, refresh time.Duration) lint.Plan {
	return lint.Plan{Name: "these", Access: access, Refresh: refresh, KeepsAccess: true}
}

// The arithmetic of Apigee's antipattern of long expiration times, to the token: 10 a second are 864,000 a day, and 172.8 million refresh tokens are
// live at 200 days, beside 18,000 access tokens at 30 minutes.
func TestForecastAntipattern(t *testing.T) {
	t.Parallel()
	traffic := lint.Traffic{Rate: 10}
	plan := keeps(30*time.Minute, 200*day)
	steady := traffic.Steady(plan)
	if steady != 200*day {
		t.Errorf("steady after %v, want 200 days", steady)
	}
	at := traffic.At(plan, steady)
	want := lint.Point{
		After: 200 * day, Access: 18_000, Refresh: 172_800_000, Rows: 172_818_000, Bytes: 172_818_000 * 310,
		Inserted: 2 * 864_000, Deleted: 2 * 864_000,
	}
	if at != want {
		t.Errorf("got  %+v\nwant %+v", at, want)
	}
	if got := traffic.At(plan, day).Refresh; got != 864_000 {
		t.Errorf("%v refresh tokens after a day, want 864000", got)
	}
}

// Rows and bytes of refresh tokens by lifetime and purge lag: L = λ(T + P).
func TestForecastRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		life, lag time.Duration
		rows      float64
		bytes     float64
	}{
		{30 * time.Minute, 0, 18_000, 5.58e6},
		{day, 0, 864_000, 267.84e6},
		{7 * day, 0, 6_048_000, 1.87488e9},
		{30 * day, 0, 25_920_000, 8.0352e9},
		{200 * day, 0, 172_800_000, 53.568e9},
		{200 * day, 3 * day, 175_392_000, 54.37152e9},
		{200 * day, 180 * day, 328_320_000, 101.7792e9},
	} {
		traffic := lint.Traffic{Rate: 10}
		plan := lint.Plan{Access: time.Minute, Refresh: c.life, PurgeLag: c.lag}
		if at := traffic.At(plan, traffic.Steady(plan)); at.Rows != c.rows || at.Bytes != c.bytes {
			t.Errorf("%v and %v: %v rows, %v bytes, want %v and %v", c.life, c.lag, at.Rows, at.Bytes, c.rows, c.bytes)
		}
		traffic.Replicas, traffic.RowBytes = 3, 620
		if at := traffic.At(plan, traffic.Steady(plan)); at.Bytes != 6*c.bytes {
			t.Errorf("%v: three copies of twice the size are %v bytes, want %v", c.life, at.Bytes, 6*c.bytes)
		}
	}
}

// Replaced refresh tokens that stay with their family: L = λ(T + uT²/2Ta). Sandi's one row a session is λT whatever is refreshed.
func TestForecastFamilies(t *testing.T) {
	t.Parallel()
	for life, perFamily := range map[time.Duration]float64{7 * day: 51.4, 30 * day: 217} {
		traffic := lint.Traffic{Rate: 10, Active: 0.3}
		plan := lint.Plan{Access: 30 * time.Minute, Refresh: life, KeepsReplaced: true}
		families := 10 * life.Seconds()
		at := traffic.At(plan, traffic.Steady(plan))
		if want := families * perFamily; math.Abs(at.Rows-want) > 1 || at.Updated != 0 {
			t.Errorf("%v: %v rows and %v changed, want %v and none", life, at.Rows, at.Updated, want)
		}
		sandi := traffic.Forecast(plan).Plans[2]
		one := sandi.Points[len(sandi.Points)-1]
		if one.Rows != families+36_000 || one.Inserted != 864_000 || one.Updated == 0 {
			t.Errorf("%v: as Sandi keeps them %+v, want %v rows and those of an hour until they are deleted", life, one, families)
		}
	}
}

// At every time the store grows by what comes in less what goes out.
func TestForecastBalance(t *testing.T) {
	t.Parallel()
	for _, traffic := range []lint.Traffic{{Rate: 10}, {Rate: 3, Active: 0.4}, {Rate: 1, Active: 1}} {
		for _, plan := range plans() {
			for _, after := range []time.Duration{10 * time.Minute, 5 * time.Hour, 4*day + 7*time.Hour, 50 * day, 300 * day} {
				before, now := traffic.At(plan, after), traffic.At(plan, after+2*time.Second)
				middle := traffic.At(plan, after+time.Second)
				grown, want := now.Rows-before.Rows, (middle.Inserted-middle.Deleted)*2/day.Seconds()
				if math.Abs(grown-want) > 1e-6*max(now.Rows, 1) {
					t.Errorf("%+v %+v after %v: grows by %v in 2 s, want %v", traffic, plan, after, grown, want)
				}
			}
		}
	}
}

// plans are those that differ in what they keep and for how long.
func plans() []lint.Plan {
	stateless := keeps(15*time.Minute, 30*day)
	stateless.KeepsAccess = false
	families := keeps(30*time.Minute, day)
	families.KeepsReplaced = true
	long := keeps(time.Minute, 200*day)
	long.KeepsReplaced = true
	idle := keeps(time.Hour, lint.Endless)
	idle.Idle = 30 * day
	purged, unpurged := families, keeps(30*time.Minute, 7*day)
	purged.PurgeLag, unpurged.PurgeLag = 3*day, lint.Endless
	return []lint.Plan{
		purged, unpurged, keeps(30*time.Minute, 200*day), keeps(time.Hour, 0), keeps(10*day, 10*day), keeps(7*time.Minute, 5*time.Minute),
		keeps(lint.Endless, 0), keeps(30*time.Minute, lint.Endless), stateless, families, long, idle,
	}
}

// The simulation agrees with the formulas within 2 % at every point, and is the same every time.
func TestSimulationAgrees(t *testing.T) {
	t.Parallel()
	busy := []lint.Traffic{{Rate: 10, Active: 0.3}, {Rate: 0.01, Active: 1}, {Rate: 1e6, Active: 0.05}}
	for i, plan := range plans() {
		for _, traffic := range []lint.Traffic{{Rate: 10}, busy[i%3]} {
			f := traffic.Forecast(plan)
			if err := f.Simulate(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if off := f.Deviation(); off > 0.02 {
				t.Errorf("%+v, %+v: the simulation is off by %.2f %%", traffic, plan, 100*off)
			}
		}
	}
	twice := []*lint.Forecast{{}, {}}
	for i := range twice {
		twice[i] = lint.Traffic{Rate: 10, Active: 0.3}.Forecast(plans()[0])
		if err := twice[i].Simulate(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(twice[0].Plans[0].Simulated, twice[1].Plans[0].Simulated) {
		t.Error("two simulations of the same differ")
	}
}

func TestSimulationProgressAndEnd(t *testing.T) {
	t.Parallel()
	f := lint.Traffic{Rate: 10}.Forecast(keeps(time.Hour, day))
	ctx, cancel := context.WithCancel(t.Context())
	var seen []int
	err := f.Simulate(ctx, func(done, all int) {
		if seen = append(seen, done, all); done == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(seen, []int{1, 18, 2, 18}) {
		t.Errorf("error %v after %v", err, seen)
	}
}

// Of all policies those that hand tokens out make plans, the longest first.
func TestForecastPlans(t *testing.T) {
	t.Parallel()
	access := func(d time.Duration) lint.Lifetime {
		return lint.Lifetime{Kind: lint.Access, State: lint.Literal, Value: d}
	}
	refresh := func(d time.Duration) lint.Lifetime {
		return lint.Lifetime{Kind: lint.Refresh, State: lint.Literal, Value: d}
	}
	source := &lint.Source{Name: "a\x1b.xml"}
	all := []lint.Policy{
		{Name: "day", Source: source, At: lint.Span{Line: 7}, Lifetimes: []lint.Lifetime{access(time.Hour), refresh(day)}},
		{Name: "again", Lifetimes: []lint.Lifetime{access(time.Hour), refresh(day)}},
		{Name: "off", Disabled: true, Lifetimes: []lint.Lifetime{refresh(900 * day)}},
		{Name: "verifies", Lifetimes: []lint.Lifetime{access(900 * day)}, Facts: []lint.Fact{{Name: lint.Mints}}},
		{Name: "machines", Lifetimes: []lint.Lifetime{access(2 * time.Hour), refresh(800 * day)}, Facts: []lint.Fact{{Name: lint.GrantTypes, Words: []string{"client_credentials"}}}},
		{Name: "unknown access", Lifetimes: []lint.Lifetime{{Kind: lint.Access, State: lint.Dynamic}, refresh(2 * day)}},
		{Name: "idle", Lifetimes: []lint.Lifetime{access(time.Hour), {Kind: lint.Refresh, DefaultNever: true}, {Kind: lint.RefreshIdle, State: lint.Literal, Value: 3 * day}}},
		{Name: "nothing", Lifetimes: []lint.Lifetime{{Kind: lint.Code, State: lint.Literal, Value: time.Minute}}},
	}
	names := func(active float64) string {
		var said []string
		for _, p := range (lint.Traffic{Rate: 1, Active: active}).Plans(all) {
			said = append(said, p.Name+" "+p.Access.String())
		}
		return strings.Join(said, ", ")
	}
	if got, want := names(0), "idle 1h0m0s, unknown access 30m0s, a␛.xml:7 day 1h0m0s, machines 2h0m0s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	idle := lint.Traffic{Rate: 1}.Plans(all)[0]
	if got := (lint.Traffic{Rate: 1}).Steady(idle); got != 3*day {
		t.Errorf("sessions that nobody refreshes are steady after %v, want their idle limit", got)
	}
	if got := (lint.Traffic{Rate: 1, Active: 0.1}).Steady(idle); got != lint.Endless {
		t.Errorf("sessions that are used end after %v, want never", got)
	}
}

func TestForecastGoldens(t *testing.T) {
	t.Parallel()
	families := keeps(30*time.Minute, 7*day)
	families.KeepsReplaced, families.PurgeLag = true, 3*day
	never := keeps(lint.Endless, lint.Endless)
	never.PurgeLag = lint.Endless
	for name, f := range map[string]*lint.Forecast{
		"antipattern": lint.Traffic{Rate: 10}.Forecast(keeps(30*time.Minute, 200*day)),
		"families":    lint.Traffic{Rate: 10, Active: 0.3, Replicas: 3}.Forecast(families),
		"never":       lint.Traffic{Rate: 1}.Forecast(never),
		"nothing":     lint.Traffic{Rate: 1}.Forecast(lint.Plan{Name: "signed", Access: time.Hour}),
	} {
		if name == "families" {
			if err := f.Simulate(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		var text, drawing bytes.Buffer
		if err := errors.Join(f.Text(&text, 0), f.SVG(&drawing)); err != nil {
			t.Fatal(err)
		}
		numbers, err := json.MarshalIndent(f.JSON(), "", " ")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for ending, got := range map[string]string{".txt": text.String(), ".svg": drawing.String(), ".json": string(numbers) + "\n"} {
			file := filepath.Join("testdata", "forecast", name+ending)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(file); err != nil || string(want) != got {
				t.Errorf("%s is out of date (%v): run go test ./internal/lint -run TestForecastGoldens -update; got\n%s", file, err, got)
			}
		}
	}
}

// The drawing is well formed whatever a policy is called, has a title, and runs and loads nothing.
func TestForecastSVG(t *testing.T) {
	t.Parallel()
	plan := keeps(time.Hour, day)
	plan.Name = `</text><script>alert(1)</script>"'&` + strings.Repeat("ä", 300)
	var b bytes.Buffer
	if err := (lint.Traffic{Rate: 1}).Forecast(plan).SVG(&b); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			names[start.Name.Local] = true
		}
	}
	for _, name := range []string{"title", "desc", "polyline"} {
		if !names[name] {
			t.Errorf("there is no %s", name)
		}
	}
	for _, name := range []string{"script", "image", "a", "use", "foreignObject"} {
		if names[name] {
			t.Errorf("there is %s", name)
		}
	}
}

// A plot fits into the terminal.
func TestForecastWidth(t *testing.T) {
	t.Parallel()
	for _, width := range []int{1, 42, 80, 200} {
		var b strings.Builder
		if err := (lint.Traffic{Rate: 10}).Forecast(keeps(time.Hour, 10*day)).Text(&b, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimSpace(line))); strings.Contains(line, "┤") && n > max(width, 42) {
				t.Errorf("width %d: a line has %d columns", width, n)
			}
		}
	}
}
