package lint

import (
	"slices"
	"time"
)

// Severity is how bad a finding is.
type Severity int

// The severities.
const (
	Note Severity = iota + 1
	Warning
	Error
)

// String is "note", "warning" or "error", as SARIF has them.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "none"
}

// Finding is one thing that a rule found.
type Finding struct {
	Rule     string // "SND101"
	Severity Severity
	Policy   string // name of the policy
	Product  Product
	Source   *Source
	At       Span
	Raw      string
	Message  string        // one sentence: what it is, and why that is bad
	Value    time.Duration // normalised, 0 where there is none
	Limit    time.Duration // what it was held against
	Suggest  string        // the text that should stand there, for people
	Fix      *Edit         // the same for --fix; nil where no literal can be replaced
}

// Edit replaces bytes of a source.
type Edit struct {
	At  Span
	New string
}

// Rule is one of the rules.
type Rule struct {
	ID        string
	Name      string   // "access-too-long"
	Severity  Severity // the highest that it gives
	Summary   string   // one line
	Why       string   // the reason, two or three sentences
	Fix       string   // what to do
	Sources   []string // "RFC 6750 section 5.3", "OWASP ASVS 5.0 10.4.8"
	Bad, Good string   // an example of each, in the product where it is most usual
	// Check judges a policy; CheckBundle all policies of a bundle (or of the whole run where there are no bundles). One of them is set.
	Check       func(p *Policy, t Thresholds) []Finding
	CheckBundle func(ps []*Policy, t Thresholds) []Finding
}

// Rules are all of them, by ID.
func Rules() []Rule {
	return slices.Concat(lifetimeRules(), refreshRules(), sessionRules(), grantRules(), cryptoRules(), cookieRules(), storageRules(), fileRules())
}

// Thresholds are what rules hold lifetimes against; a profile names a set of them.
type Thresholds struct {
	Profile                                   string // baseline, strict, aal1, aal2 or aal3
	AccessNote, AccessWarning, AccessError    time.Duration
	RefreshNote, RefreshWarning, RefreshError time.Duration
	CodeNote, CodeError                       time.Duration
	ReuseWindow                               time.Duration
	RevocationNote, RevocationWarning         time.Duration
	SessionMax, SessionIdle                   time.Duration // SND119; 0: not judged
	RowsWarning, BytesWarning                 float64       // SND501
	Rate                                      float64       // logins a second, 0: SND501 is not judged
}
