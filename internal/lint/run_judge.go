package lint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// judge asks the rules of single policies.
func (r *run) judge(out *outcome, s *Source, policies []Policy, fixable bool) {
	var found []Finding
	for i := range policies {
		p := &policies[i]
		p.Source = s
		for _, rule := range r.rules {
			if rule.Check != nil && len(found) < maxFindings {
				found = append(found, stamped(rule, p, rule.Check(p, r.Thresholds))...)
				found = found[:min(len(found), maxFindings)]
			}
		}
	}
	if len(found) >= maxFindings {
		out.unreadable(r, s, &Unreadable{At: found[len(found)-1].At, Problem: fmt.Sprintf("has more than %d findings", maxFindings)})
	}
	if !fixable {
		for i := range found {
			found[i].Fix = nil
		}
	}
	r.suppress(out, s, found)
}

// hold says whether a source's text may be kept.
func (r *run) hold(size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept+size > keptText {
		return false
	}
	r.kept += size
	return true
}

// reduced is what is kept of a policy when its source is done: nothing in it may hold the source's text or tree.
func (r *run) reduced(p Policy) Policy {
	if !r.Keep {
		p.Lifetimes, p.Invalid, p.Beside = nil, nil, nil
	}
	p.Lifetimes = slices.Clone(p.Lifetimes)
	for i := range p.Lifetimes {
		p.Lifetimes[i].Write = nil
	}
	p.Facts = slices.Clone(p.Facts)
	for i := range p.Facts {
		p.Facts[i].Write = nil
		if p.Facts[i].Name == Secret {
			p.Facts[i].Text, p.Facts[i].Raw = "", ""
		}
	}
	return p
}

// bundles asks the rules that look at all policies of a bundle, and at all that stand in none.
func (r *run) bundles() {
	groups := map[string][]*Policy{}
	var names []string
	place := map[*Source]int{}
	for i := range r.out {
		for j := range r.out[i].policies {
			p := &r.out[i].policies[j]
			if groups[p.Source.Bundle] == nil {
				names = append(names, p.Source.Bundle)
			}
			groups[p.Source.Bundle] = append(groups[p.Source.Bundle], p)
			place[p.Source] = i
		}
	}
	for _, name := range names {
		bySource := map[*Source][]Finding{}
		for _, f := range r.bundle(groups[name]) {
			bySource[f.Source] = append(bySource[f.Source], f)
		}
		for s, found := range bySource {
			i := place[s]
			r.reload(r.files[i], s)
			r.suppress(&r.out[i], s, found)
		}
	}
}

// bundle asks about one group.
func (r *run) bundle(ps []*Policy) []Finding {
	var found []Finding
	for _, rule := range r.rules {
		if rule.CheckBundle == nil {
			continue
		}
		for _, f := range rule.CheckBundle(ps, r.Thresholds) {
			i := slices.IndexFunc(ps, func(p *Policy) bool { return p.Source == f.Source && p.Name == f.Policy })
			found = append(found, stamped(rule, ps[max(i, 0)], []Finding{f})...)
		}
	}
	return found
}

// reload reads the text of a source anew that was let go.
func (r *run) reload(f file, s *Source) {
	if s.Text != nil || f.name == "-" {
		return
	}
	raw, err := readFile(f.path)
	if err != nil {
		return
	}
	if entry, ok := strings.CutPrefix(s.Name, f.name+"!"); ok {
		raw = unpacked(raw, entry)
	}
	s.Text, _, _ = decoded(raw)
	if reader, ok := r.reader(s, f.given); ok && declares(s.Text) {
		_, _ = read(reader, s) // it decodes the text in its place
	}
	if !r.hold(len(s.Text)) {
		s.Text = nil
	}
}

// stamped completes findings with what the rule and the policy say. A policy that does not run is one step less bad: it still ships, and one
// attribute switches it on.
func stamped(rule Rule, p *Policy, found []Finding) []Finding {
	for i := range found {
		f := &found[i]
		f.Rule, f.Policy, f.Product, f.Source = rule.ID, p.Name, p.Product, p.Source
		if p.Disabled && f.Severity > Note {
			f.Severity--
		}
		if f.Fix != nil && f.Fix.New == "" {
			f.Fix = nil
		}
	}
	return found
}

// secrets are where the text of policies holds them.
func secrets(policies []Policy) []Span {
	var at []Span
	for i := range policies {
		for _, f := range policies[i].Facts {
			if f.Name == Secret && f.At.End > f.At.Start {
				at = append(at, f.At)
			}
		}
	}
	return at
}

// ordered sorts findings by source and place, and drops what was found twice.
func ordered(all []Finding) []Finding {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Source.Name, b.Source.Name), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column), strings.Compare(a.Rule, b.Rule))
	})
	return slices.CompactFunc(all, func(a, b Finding) bool {
		return a.Rule == b.Rule && a.Source.Name == b.Source.Name && a.At == b.At && a.Message == b.Message
	})
}

// reason is an error without the path, which stands before it anyway.
func reason(err error) string {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// formats are the names of the formats, for messages.
func formats() string {
	var names []string
	for _, reader := range Readers() {
		if !slices.Contains(names, reader.Format) {
			names = append(names, reader.Format)
		}
	}
	return strings.Join(names, ", ")
}
