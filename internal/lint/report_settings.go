package lint

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// SettingsFile is the name of the file of settings.
const SettingsFile = ".sandi-lint.yaml"

// maxSettings bounds the file, in bytes.
const maxSettings = 64 << 10

// Settings are those of a project: what .sandi-lint.yaml says.
type Settings struct {
	File       string // "" where there is none
	Thresholds Thresholds
	FailOn     Severity // 0 never; Error where the file says nothing
	Only       []string
	Ignores    []Ignore
	Expect     Expect
}

// Expect is what is known of the load, for forecasts. Zero values are not known.
type Expect struct {
	LoginsPerSecond       float64
	RefreshActiveFraction float64 // of the sessions, 0 to 1
	PurgeLag              time.Duration
	RowBytes              float64
}

// settingsFile is the file as it is written.
type settingsFile struct {
	Profile    string             `yaml:"profile"`
	FailOn     string             `yaml:"fail_on"`
	Only       []string           `yaml:"only"`
	Thresholds settingsThresholds `yaml:"thresholds"`
	Ignore     []settingsIgnore   `yaml:"ignore"`
	Expect     settingsExpect     `yaml:"expect"`
}

type (
	settingsThresholds struct {
		Access      settingsLevels  `yaml:"access"`
		Refresh     settingsLevels  `yaml:"refresh"`
		Code        settingsLevels  `yaml:"code"`
		Revocation  settingsLevels  `yaml:"revocation"`
		Session     settingsSession `yaml:"session"`
		ReuseWindow string          `yaml:"reuse_window"`
		Storage     settingsStorage `yaml:"storage"`
	}
	settingsLevels struct {
		Note    string `yaml:"note"`
		Warning string `yaml:"warning"`
		Error   string `yaml:"error"`
	}
	settingsSession struct {
		Max  string `yaml:"max"`
		Idle string `yaml:"idle"`
	}
	settingsStorage struct {
		Rows  float64 `yaml:"rows"`
		Bytes float64 `yaml:"bytes"`
	}
	settingsIgnore struct {
		Path   string `yaml:"path"`
		Rule   string `yaml:"rule"`
		Reason string `yaml:"reason"`
		Until  string `yaml:"until"`
	}
	settingsExpect struct {
		Logins   float64 `yaml:"logins_per_second"`
		Active   float64 `yaml:"refresh_active_fraction"`
		PurgeLag string  `yaml:"purge_lag"`
		RowBytes float64 `yaml:"row_bytes"`
	}
)

// FindSettings looks for .sandi-lint.yaml in the folder of a path (from) and above it, up to the root of the repository (.git) or of the file system;
// "" where there is none. "-" stands for the working folder.
func FindSettings(from string) (string, error) {
	if from == "-" {
		from = "."
	}
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", fmt.Errorf("find settings: %w", err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	for {
		file := filepath.Join(dir, SettingsFile)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
		_, err := os.Lstat(filepath.Join(dir, ".git"))
		above := filepath.Dir(dir)
		if err == nil || above == dir {
			return "", nil
		}
		dir = above
	}
}

// ReadSettings reads a file of settings; "" gives those of a project that has none. profile overrides the file's where it is not "". An error says
// the place, what is wrong and what may stand there.
func ReadSettings(file, profile string) (Settings, error) {
	var in settingsFile
	if file != "" {
		text, err := os.ReadFile(file)
		if err == nil && len(text) > maxSettings {
			err = fmt.Errorf("is larger than %d bytes", maxSettings)
		}
		if err == nil {
			err = strictly(text, &in)
		}
		if err != nil {
			return Settings{}, fmt.Errorf("read settings %s: %w", file, err)
		}
	}
	if profile != "" {
		in.Profile = profile
	}
	s, err := in.settings()
	root, rootErr := filepath.Abs(filepath.Dir(file))
	if err = errors.Join(err, rootErr); err != nil && file != "" {
		err = fmt.Errorf("read settings %s: %w", file, err)
	}
	for i := range s.Ignores {
		s.Ignores[i].Root = root
	}
	s.File = file
	return s, err
}

// strictly decodes, and gives the place of a fault.
func strictly(text []byte, into *settingsFile) error {
	if strings.TrimSpace(string(text)) == "" {
		return nil
	}
	err := yaml.UnmarshalWithOptions(text, into, yaml.Strict())
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		at := e.GetToken().Position
		return fmt.Errorf("line %d, column %d: %s", at.Line, at.Column, e.GetMessage())
	}
	return err
}

// settings checks what was read.
func (in *settingsFile) settings() (Settings, error) {
	t, ok := Profile(orElse(in.Profile, "baseline"))
	if !ok {
		return Settings{}, fmt.Errorf("there is no profile %q: the profiles are %s", in.Profile, strings.Join(Profiles(), ", "))
	}
	failOn, err := ParseSeverity(orElse(in.FailOn, "error"))
	if err != nil {
		return Settings{}, fmt.Errorf("fail_on: %w", err)
	}
	s := Settings{Thresholds: t, FailOn: failOn, Only: in.Only}
	if err := errors.Join(in.Thresholds.into(&s.Thresholds), in.Expect.into(&s.Expect)); err != nil {
		return Settings{}, err
	}
	s.Thresholds.Rate = s.Expect.LoginsPerSecond
	for i, entry := range in.Ignore {
		ignore, err := entry.ignore()
		if err != nil {
			return Settings{}, fmt.Errorf("ignore, entry %d: %w", i+1, err)
		}
		s.Ignores = append(s.Ignores, ignore)
	}
	return s, nil
}

func (in *settingsThresholds) into(t *Thresholds) error {
	for _, of := range []struct {
		name, text string
		limit      *time.Duration // nil: this kind has no such level
	}{
		{"access.note", in.Access.Note, &t.AccessNote},
		{"access.warning", in.Access.Warning, &t.AccessWarning},
		{"access.error", in.Access.Error, &t.AccessError},
		{"refresh.note", in.Refresh.Note, &t.RefreshNote},
		{"refresh.warning", in.Refresh.Warning, &t.RefreshWarning},
		{"refresh.error", in.Refresh.Error, &t.RefreshError},
		{"code.note", in.Code.Note, &t.CodeNote},
		{"code.warning", in.Code.Warning, nil},
		{"code.error", in.Code.Error, &t.CodeError},
		{"revocation.note", in.Revocation.Note, &t.RevocationNote},
		{"revocation.warning", in.Revocation.Warning, &t.RevocationWarning},
		{"revocation.error", in.Revocation.Error, nil},
		{"session.max", in.Session.Max, &t.SessionMax},
		{"session.idle", in.Session.Idle, &t.SessionIdle},
		{"reuse_window", in.ReuseWindow, &t.ReuseWindow},
	} {
		if of.text == "" {
			continue
		}
		if of.limit == nil {
			return fmt.Errorf("thresholds.%s: there is no such limit", of.name)
		}
		d, err := parseShort(of.text)
		if err != nil {
			return fmt.Errorf("thresholds.%s: %w", of.name, err)
		}
		*of.limit = d
	}
	if t.AccessNote > t.AccessWarning || t.AccessWarning > t.AccessError || t.RefreshNote > t.RefreshWarning || t.RefreshWarning > t.RefreshError ||
		t.CodeNote > t.CodeError || t.RevocationNote > t.RevocationWarning {
		return errors.New("thresholds: a note begins above a warning, or a warning above an error: state those levels too")
	}
	if in.Storage.Rows < 0 || in.Storage.Bytes < 0 {
		return errors.New("thresholds.storage: is below 0")
	}
	if in.Storage.Rows > 0 {
		t.RowsWarning = in.Storage.Rows
	}
	if in.Storage.Bytes > 0 {
		t.BytesWarning = in.Storage.Bytes
	}
	return nil
}

func (in *settingsExpect) into(e *Expect) (err error) {
	if !(in.Logins >= 0 && in.RowBytes >= 0 && in.Active >= 0 && in.Active <= 1) || math.IsInf(in.Logins+in.RowBytes, 0) {
		return errors.New("expect: a figure is below 0, or refresh_active_fraction above 1")
	}
	*e = Expect{LoginsPerSecond: in.Logins, RefreshActiveFraction: in.Active, RowBytes: in.RowBytes}
	if in.PurgeLag != "" {
		if e.PurgeLag, err = parseShort(in.PurgeLag); err != nil {
			return fmt.Errorf("expect.purge_lag: %w", err)
		}
	}
	return nil
}

func (in *settingsIgnore) ignore() (Ignore, error) {
	out := Ignore{Path: in.Path, Rule: in.Rule, Reason: in.Reason}
	switch {
	case in.Path == "":
		return out, errors.New(`path is missing: which files, as "legacy/**" or "realm.json"`)
	case !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.ID == in.Rule }):
		return out, fmt.Errorf("rule: there is no rule %q: see sandi lint rules", in.Rule)
	case strings.TrimSpace(in.Reason) == "":
		return out, errors.New("reason is missing: say why, so that somebody can judge it later")
	}
	if _, err := path.Match(in.Path, ""); err != nil {
		return out, fmt.Errorf("path: %q is no pattern", in.Path)
	}
	if in.Until != "" {
		until, err := time.Parse(time.DateOnly, in.Until)
		if err != nil {
			return out, fmt.Errorf("until: %q is no date like 2027-01-31", in.Until)
		}
		out.Until = until
	}
	return out, nil
}

// ParseSeverity reads note, warning, error, or never, which is 0.
func ParseSeverity(name string) (Severity, error) {
	i := slices.Index([]string{"never", "note", "warning", "error"}, name)
	if i < 0 {
		return 0, fmt.Errorf("there is no severity %q: write note, warning, error or never", name)
	}
	return Severity(i), nil
}

// parseShort reads what short writes: "30m", "24h", "7d", and several of them, "1h30m".
func parseShort(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is no duration: write whole numbers with units, as 30m, 24h, 7d or 1h30m", text)
	var sum time.Duration
	for rest := text; rest != ""; {
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end <= 0 {
			return 0, wrong
		}
		n, err := strconv.ParseInt(rest[:end], 10, 64)
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day}[rest[end]]
		if err != nil || unit == 0 || n > int64((math.MaxInt64-sum)/unit) {
			return 0, wrong
		}
		sum += time.Duration(n) * unit
		rest = rest[end+1:]
	}
	if sum <= 0 {
		return 0, wrong
	}
	return sum, nil
}
