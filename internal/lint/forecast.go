package lint

import (
	"cmp"
	"math"
	"time"
)

// Endless is a lifetime, or a wait for deletion, without end.
const Endless = time.Duration(math.MaxInt64)

// Traffic is what comes to a token server, and what a row costs it.
type Traffic struct {
	Rate     float64 // logins a second, above 0
	Active   float64 // the part of its access lifetimes in which a session refreshes, 0 to 1
	RowBytes float64 // of one row with its indexes; 0: 310, measured on SQLite
	Replicas int     // copies of each row; 0: 1
}

// Plan is how long tokens live, and which of them are rows of a store.
type Plan struct {
	Name    string
	Access  time.Duration // of an access token, above 0
	Refresh time.Duration // from login to the end of the last refresh token; 0: there are none
	Idle    time.Duration // of a refresh token that is not used; 0: no such limit
	Assumed bool          // the configuration does not say Access
	// PurgeLag is from the end of a token until its row is deleted; Endless: it never is.
	PurgeLag time.Duration
	// KeepsAccess: each access token is a row; without it they are signed and in no store.
	KeepsAccess bool
	// KeepsReplaced: a refresh token that was replaced stays, to know it again (RFC 9700 section 4.14.2), until its session ends; without it a
	// refresh changes the session's one row.
	KeepsReplaced bool
}

// Point is a store some time after its first login.
type Point struct {
	After                      time.Duration
	Access, Refresh            float64 // tokens that are valid
	Rows, Bytes                float64 // what the store holds, expired tokens that are not deleted yet among it
	Inserted, Updated, Deleted float64 // rows a day
}

// load is a plan under a traffic, in seconds; +Inf is endless.
type load struct {
	Traffic
	plan      Plan
	access    float64 // life of an access token
	life      float64 // of a session: what can be refreshed
	lag       float64 // until a row is deleted
	refreshes float64 // of a session, a second
}

// under puts a plan under a traffic. Where nothing is ever refreshed, the idle limit is what ends a session; one that is used lives to its
// absolute end.
func (t Traffic) under(p Plan) load {
	l := load{Traffic: t, plan: p, access: seconds(p.Access), life: seconds(p.Refresh), lag: seconds(p.PurgeLag)}
	if t.Active == 0 && p.Idle > 0 {
		l.life = min(l.life, seconds(p.Idle))
	}
	l.refreshes = t.Active / l.access
	l.RowBytes, l.Replicas = cmp.Or(t.RowBytes, rowBytes), cmp.Or(t.Replicas, 1)
	return l
}

func seconds(d time.Duration) float64 {
	if d == Endless {
		return math.Inf(1)
	}
	return d.Seconds()
}

// At is a store after a time of steady traffic: L = λW (Little's law) once that time is the lifetime W, and a ramp until then.
func (t Traffic) At(p Plan, after time.Duration) Point { return t.under(p).at(after) }

func (l load) at(after time.Duration) Point {
	now := seconds(after)
	p := Point{After: after, Access: l.Rate * (l.made(now) - l.made(now-l.access)), Refresh: l.Rate * min(now, l.life)}
	var in, changed, out float64 // rows a second, at one login a second
	if l.plan.KeepsAccess {
		gone := now - l.access - l.lag
		p.Rows += l.made(now) - l.made(gone)
		in += l.making(now)
		out += l.making(gone)
	}
	switch kept := min(now, l.life+l.lag); {
	case l.life == 0:
	case l.plan.KeepsReplaced: // a family has a row more for each refresh, and all go at once
		p.Rows += l.made(kept)
		in += l.making(now)
		if now >= l.life+l.lag {
			out += l.making(kept)
		}
	default:
		p.Rows += kept
		in++
		changed += l.making(now) - 1
		if now >= l.life+l.lag {
			out++
		}
	}
	p.Rows *= l.Rate
	p.Bytes = p.Rows * l.RowBytes * float64(l.Replicas)
	daily := l.Rate * day.Seconds()
	p.Inserted, p.Updated, p.Deleted = in*daily, changed*daily, out*daily
	return p
}

// made is how many access tokens were made until now, at one login a second: one each at login, and those of refreshes, which grow with the
// square of the time while sessions grow in number, then with the time. It is also how many refresh tokens the families that are younger than now
// were given, which is what a store keeps of them where it deletes a family as one.
func (l load) made(now float64) float64 {
	if now <= 0 {
		return 0
	}
	ramp := min(now, l.life)
	return now + l.refreshes*ramp*(now-ramp/2)
}

// making is how many access tokens a second are made then, at one login a second.
func (l load) making(now float64) float64 {
	if now < 0 {
		return 0
	}
	return 1 + l.refreshes*min(now, l.life)
}

// Steady is after which time a store grows no more; Endless where it grows for ever.
func (t Traffic) Steady(p Plan) time.Duration {
	l := t.under(p)
	last := l.access
	if l.plan.KeepsAccess {
		last += l.lag
	}
	if l.refreshes > 0 {
		last += l.life
	}
	if l.life > 0 {
		last = max(last, l.life+l.lag)
	}
	if last >= Endless.Seconds() {
		return Endless
	}
	return time.Duration(math.Ceil(last)) * time.Second
}

// sandiLag is after which time Sandi deletes a session that ended.
const sandiLag = time.Hour

// Forecast is what a configuration makes of a traffic, beside what could be.
type Forecast struct {
	Traffic Traffic
	Plans   []PlanForecast // the configuration, the recommended lifetimes, Sandi's way of keeping them
}

// PlanForecast is the forecast of one plan.
type PlanForecast struct {
	Plan
	Points    []Point       // the times of the plan of a table, then when it is steady, or after a year where it never is
	Steady    time.Duration // see Traffic.Steady
	Simulated []float64     // rows at Points; nil before Simulate
}

// Forecast compares a plan with the recommended lifetimes (30 minutes and 24 hours: Apigee's antipattern of long expiration times) kept in the same
// way, and with the plan's own lifetimes as Sandi keeps them: one row a session, whatever is refreshed.
func (t Traffic) Forecast(here Plan) *Forecast {
	good := here
	good.Name, good.Access, good.Idle, good.Assumed = "Recommended lifetimes", goodAccess, 0, false
	if here.Refresh > 0 {
		good.Refresh = goodRefresh
	}
	sandi := here
	sandi.Name, sandi.PurgeLag, sandi.KeepsAccess, sandi.KeepsReplaced, sandi.Assumed = "The same lifetimes in Sandi", sandiLag, false, false, false
	if here.Access > day || here.Refresh > 365*day {
		sandi.Name, sandi.Access = "Sandi's own lifetimes: it takes none as long as these", 15*time.Minute
		if here.Refresh > 0 {
			sandi.Refresh, sandi.Idle = 30*day, 14*day
		}
	}
	f := &Forecast{Traffic: t}
	for _, p := range []Plan{here, good, sandi} {
		f.Plans = append(f.Plans, t.forecast(p))
	}
	return f
}

func (t Traffic) forecast(p Plan) PlanForecast {
	f := PlanForecast{Plan: p, Steady: t.Steady(p)}
	last := f.Steady
	if last == Endless {
		last = 365 * day
	}
	for _, after := range []time.Duration{time.Hour, day, 7 * day, 30 * day, 90 * day, last} {
		f.Points = append(f.Points, t.At(p, after))
	}
	return f
}
