package lint

import "time"

const day = 24 * time.Hour

// Profile is a set of thresholds by name; ok is false for an unknown one.
//
// baseline is the advice that fits everybody (RFC 6750 section 5.3, RFC 6749 section 4.1.2, Apigee's antipattern pages). strict is FAPI 2.0 and
// OWASP ASVS 5.0 level 3. aal1, aal2 and aal3 are the baseline with the sessions of NIST SP 800-63B-4.
func Profile(name string) (t Thresholds, ok bool) {
	t = Thresholds{
		Profile:    name,
		AccessNote: 30 * time.Minute, AccessWarning: time.Hour, AccessError: day,
		RefreshNote: 7 * day, RefreshWarning: 30 * day, RefreshError: 90 * day,
		CodeNote: time.Minute, CodeError: 10 * time.Minute,
		ReuseWindow:    time.Minute,
		RevocationNote: time.Minute, RevocationWarning: 5 * time.Minute,
		RowsWarning: 10e6, BytesWarning: 10 << 30,
	}
	switch name {
	case "baseline":
	case "strict":
		t.AccessNote, t.AccessWarning, t.AccessError = 10*time.Minute, 30*time.Minute, time.Hour
		t.RefreshNote, t.RefreshWarning, t.RefreshError = day, 7*day, 30*day
		t.CodeError = time.Minute
		t.ReuseWindow = 30 * time.Second
		t.RevocationNote, t.RevocationWarning = 30*time.Second, time.Minute
	case "aal1":
		t.SessionMax = 30 * day
	case "aal2":
		t.SessionMax, t.SessionIdle = day, time.Hour
	case "aal3":
		t.SessionMax, t.SessionIdle = 12*time.Hour, 15*time.Minute
	default:
		return Thresholds{}, false
	}
	return t, true
}

// Profiles are the names of the profiles.
func Profiles() []string { return []string{"baseline", "strict", "aal1", "aal2", "aal3"} }
