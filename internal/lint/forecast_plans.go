package lint

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Plans are those of policies that hand tokens out and run, each pair of lifetimes once, the longest refresh token first. Where a policy hands out access
// tokens of an unknown lifetime, 30 minutes are taken.
func (t Traffic) Plans(policies []Policy) []Plan {
	type lifetimes struct{ access, refresh, idle time.Duration }
	seen := map[lifetimes]bool{}
	var all []Plan
	for i := range policies {
		plan, ok := policies[i].plan()
		key := lifetimes{plan.Access, plan.Refresh, plan.Idle}
		if !ok || seen[key] {
			continue
		}
		seen[key] = true
		all = append(all, plan)
	}
	slices.SortStableFunc(all, func(a, b Plan) int {
		return cmp.Or(cmp.Compare(t.under(b).life, t.under(a).life), cmp.Compare(b.Access, a.Access))
	})
	return all
}

// plan is what a policy says of storage; ok is false where it makes no tokens, or says nothing that can be read.
func (p *Policy) plan() (plan Plan, ok bool) {
	if p.Disabled || p.is(Mints, false) {
		return Plan{}, false
	}
	plan = Plan{Name: p.where(), KeepsAccess: true}
	plan.Access = p.longest(Access)
	if p.handsOut() && !p.machines() {
		plan.Refresh, plan.Idle = p.longest(Refresh), p.longest(RefreshIdle)
		if offline := p.longest(OfflineMax); offline > plan.Refresh {
			plan.Refresh, plan.Idle = offline, p.longest(OfflineIdle)
		}
		if plan.Refresh == 0 {
			plan.Refresh = plan.Idle
		}
	}
	if plan.Idle == Endless {
		plan.Idle = 0
	}
	ok = plan.Access > 0 || plan.Refresh > 0
	if plan.Access == 0 {
		plan.Access, plan.Assumed = goodAccess, true
	}
	return plan, ok
}

// where is what a plan is called: the policy and its place.
func (p *Policy) where() string {
	name := p.Name
	if p.Source != nil {
		name = fmt.Sprintf("%s:%d %s", p.Source.Name, p.At.Line, p.Name)
	}
	return picture(name)
}

// longest is the longest lifetime of a kind that can be read; 0 for none.
func (p *Policy) longest(k Kind) time.Duration {
	var most time.Duration
	for _, l := range p.of(k) {
		if l.endless() {
			return Endless
		}
		if d, ok := l.known(); ok {
			most = max(most, d)
		}
	}
	return most
}
