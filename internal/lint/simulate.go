package lint

import (
	"context"
	"math"
)

const (
	// followed is how many sessions a simulation follows to each point of a forecast: enough for an error well below 1 %.
	followed = 10_000
	// single is up to how many access lifetimes a session's refreshes are drawn one by one; beyond it their number is drawn.
	single = 64
)

// Simulate fills in what a simulation finds at each point, to hold against the formulas: sessions log in, refresh or not in each access
// lifetime, end, and are purged; the rows that stand then are counted. The rate is scaled so that the work is the same for every traffic; chance always
// falls alike. progress is told how many points of how many are done; nil: nobody. An error is the end of ctx.
func (f *Forecast) Simulate(ctx context.Context, progress func(done, all int)) error {
	done, all := 0, 0
	for _, p := range f.Plans {
		all += len(p.Points)
	}
	for i := range f.Plans {
		p := &f.Plans[i]
		s := simulation{load: f.Traffic.under(p.Plan), dice: dice{state: uint64(i)}}
		p.Simulated = nil
		for _, point := range p.Points {
			if err := ctx.Err(); err != nil {
				return err
			}
			p.Simulated = append(p.Simulated, s.rows(seconds(point.After)))
			if done++; progress != nil {
				progress(done, all)
			}
		}
	}
	return nil
}

// Deviation is the greatest difference of a simulated number of rows from the forecast one, as a part of it.
func (f *Forecast) Deviation() (most float64) {
	for _, p := range f.Plans {
		for i, n := range p.Simulated {
			if rows := p.Points[i].Rows; rows > 0 {
				most = max(most, math.Abs(n-rows)/rows)
			}
		}
	}
	return most
}

// simulation plays sessions.
type simulation struct {
	load
	dice
}

// rows plays all sessions that log in up to now, and counts the rows that stand then. Who came so early that nothing of it is left is not
// played. Logins come evenly, each at a random moment of its share: few of them, wholly at random, would make a noise that the many they stand for do not.
func (s *simulation) rows(now float64) float64 {
	from := 0.0
	if s.life > 0 {
		from = s.life + s.lag
	}
	if s.plan.KeepsAccess {
		from = max(from, s.life+s.access+s.lag)
	}
	from = min(now, from)
	standing := 0
	for i := range followed {
		standing += s.session(from * (float64(i) + s.next()) / followed)
	}
	return float64(standing) * s.Rate * from / followed
}

// session plays one that logged in so many seconds ago, and counts its rows that stand.
func (s *simulation) session(age float64) (standing int) {
	used := min(age, s.life)
	if s.plan.KeepsAccess {
		gone := age - s.access - s.lag // a token that was made by then has been purged
		if gone < 0 {
			standing++ // the one from the login
		}
		standing += s.refreshed(max(gone, 0), used)
	}
	if s.life == 0 || age >= s.life+s.lag {
		return standing
	}
	standing++
	if s.plan.KeepsReplaced {
		standing += s.refreshed(0, used)
	}
	return standing
}

// refreshed is how often a session refreshes between two of its ages: in each access lifetime once or not, at a random moment of it.
func (s *simulation) refreshed(from, to float64) (n int) {
	if s.refreshes == 0 || from >= to {
		return 0
	}
	first, last := math.Floor(from/s.access), math.Floor(to/s.access)
	if last-first > single { // only the two at the ends are not whole
		n = s.binomial(last-first-1) + s.window(first, from, to) + s.window(last, from, to)
		return n
	}
	for k := first; k <= last; k++ {
		n += s.window(k, from, to)
	}
	return n
}

// window plays one access lifetime of a session: 1 if a refresh falls into it, and between the two ages.
func (s *simulation) window(k, from, to float64) int {
	at := (k + s.next()) * s.access
	if s.next() < s.Active && at >= from && at < to {
		return 1
	}
	return 0
}

// binomial draws how many of n lifetimes have a refresh, by the normal distribution that it is for so many.
func (s *simulation) binomial(n float64) int {
	normal := math.Sqrt(-2*math.Log(1-s.next())) * math.Cos(2*math.Pi*s.next()) // Box and Muller
	drawn := n*s.Active + normal*math.Sqrt(n*s.Active*(1-s.Active))
	return int(min(max(math.Round(drawn), 0), n))
}

// dice are SplitMix64 (Steele, Lea and Flood 2014): chance that can be repeated, and guards nothing.
type dice struct{ state uint64 }

// next is a number from 0 up to 1.
func (d *dice) next() float64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) / (1 << 53)
}
