package lint_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/lint"
)

func settings(t *testing.T, text, profile string) (lint.Settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), lint.SettingsFile)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := lint.ReadSettings(path, profile)
	s.File = ""
	for i := range s.Ignores {
		if s.Ignores[i].Root != filepath.Dir(path) {
			t.Errorf("paths begin in %q, want %q", s.Ignores[i].Root, filepath.Dir(path))
		}
		s.Ignores[i].Root = ""
	}
	return s, err
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	got, err := settings(t, `profile: strict
fail_on: never
only: [SND101, SND111]
thresholds:
  access: {note: 5m, warning: 10m, error: 1h30m}
  session: {max: 12h}
  storage: {rows: 5000}
ignore:
  - {path: "legacy/**", rule: SND101, reason: it goes in March, until: 2027-03-01}
expect: {logins_per_second: 10, refresh_active_fraction: 0.3, purge_lag: 3d, row_bytes: 310}
`, "")
	if err != nil {
		t.Fatal(err)
	}
	want := lint.Settings{
		Only:    []string{"SND101", "SND111"},
		Ignores: []lint.Ignore{{Path: "legacy/**", Rule: "SND101", Reason: "it goes in March", Until: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}},
		Expect:  lint.Expect{LoginsPerSecond: 10, RefreshActiveFraction: 0.3, PurgeLag: 72 * time.Hour, RowBytes: 310},
	}
	want.Thresholds, _ = lint.Profile("strict")
	want.Thresholds.AccessNote, want.Thresholds.AccessWarning, want.Thresholds.AccessError = 5*time.Minute, 10*time.Minute, 90*time.Minute
	want.Thresholds.SessionMax, want.Thresholds.RowsWarning, want.Thresholds.Rate = 12*time.Hour, 5000, 10
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadSettingsNone(t *testing.T) {
	t.Parallel()
	baseline, _ := lint.Profile("baseline")
	for name, read := range map[string]func() (lint.Settings, error){
		"no file": func() (lint.Settings, error) { return lint.ReadSettings("", "") },
		"empty":   func() (lint.Settings, error) { return settings(t, "\n", "") },
		"profile": func() (lint.Settings, error) { return settings(t, "profile: strict", "baseline") },
	} {
		if got, err := read(); err != nil || got.Thresholds != baseline || got.FailOn != lint.Error {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestReadSettingsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"profil: strict":                  `line 1, column 1: unknown field "profil"`,
		"profile: hard":                   `no profile "hard": the profiles are baseline, strict`,
		"fail_on: fatal":                  `fail_on: there is no severity "fatal": write note, warning, error or never`,
		"- a":                             "line 1, column 1: ",
		"a: [":                            "line 1, column ",
		"thresholds: {access: {note: 1}}": `thresholds.access.note: "1" is no duration`,
		"thresholds: {access: {note: 99999999999999d}}":             "is no duration",
		"thresholds: {access: {note: 0m}}":                          "is no duration",
		"thresholds: {access: {note: 2h}}":                          "a note begins above a warning",
		"thresholds: {code: {warning: 2h}}":                         "thresholds.code.warning: there is no such limit",
		"thresholds: {storage: {rows: -1}}":                         "thresholds.storage: is below 0",
		"expect: {logins_per_second: -1}":                           "expect: a figure is below 0",
		"expect: {logins_per_second: .nan}":                         "expect: a figure is below 0",
		"expect: {refresh_active_fraction: 2}":                      "above 1",
		"expect: {purge_lag: soon}":                                 "expect.purge_lag: ",
		"ignore: [{rule: SND101, reason: x}]":                       "ignore, entry 1: path is missing",
		"ignore: [{path: '[', rule: SND101, reason: x}]":            "is no pattern",
		"ignore: [{path: x, rule: SND1, reason: x}]":                `no rule "SND1"`,
		"ignore: [{path: x, rule: SND101}]":                         "reason is missing",
		"ignore: [{path: x, rule: SND101, reason: x, until: soon}]": `until: "soon" is no date like 2027-01-31`,
		"# " + strings.Repeat("x", 64<<10):                          "is larger than 65536 bytes",
	} {
		if _, err := settings(t, text, ""); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read settings ") {
			t.Errorf("%.60s: error %v, want %q", text, err, want)
		}
	}
}

// The file is looked for from the path upwards, and not beyond the repository.
func TestFindSettings(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"repo/.git", "repo/a/b", "other/.git"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{lint.SettingsFile, "repo/a/b/realm.json", "repo/" + lint.SettingsFile, "other/x"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]string{
		"repo": "repo/" + lint.SettingsFile, "repo/a/b": "repo/" + lint.SettingsFile, "repo/a/b/realm.json": "repo/" + lint.SettingsFile,
		"repo/a/gone.json": "repo/" + lint.SettingsFile, "other": "", "other/x": "", ".": lint.SettingsFile,
	} {
		if want != "" {
			want = filepath.Join(root, want)
		}
		if got, err := lint.FindSettings(filepath.Join(root, from)); err != nil || got != want {
			t.Errorf("from %s: %q, %v, want %q", from, got, err, want)
		}
	}
}
