package config

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Judge finds faults of a resolved configuration that are another package's to know; of each only Path, Message and Hint are read.
type Judge func(Config) []Fault

// Load is Read, and what remains unset filled in by Resolved.
func Load(path string, environ []string, flags map[string]string, judges ...Judge) (Config, error) {
	c, err := Read(path, environ, flags, judges...)
	return c.Resolved(""), err
}

// Read reads the configuration as it was set: Default, then the YAML file at path
// (none when path is empty), then the SANDI_... variables of environ (as
// os.Environ gives them; SANDI_CONFIG is the command's own), then flags, which map
// a setting's path ("listen.addr") to its text. The error is an *Error with every
// fault found, those of what Resolved fills in and those of the judges too.
func Read(path string, environ []string, flags map[string]string, judges ...Judge) (Config, error) {
	c := Default()
	l := &loader{origins: map[string]Fault{}}
	l.file(&c, path)
	l.environ(&c, environ)
	l.flags(&c, flags)
	l.conflicts(&c)
	var found faults
	resolved := c.Resolved("")
	resolved.validate(&found)
	for _, judge := range judges {
		for _, f := range judge(resolved) {
			found.at(f.Path, f.Hint, "%s", f.Message)
		}
	}
	for _, f := range found.list {
		l.locate(f)
	}
	return c, l.err()
}

// loader collects faults, and where each setting came from.
type loader struct {
	faults
	origins map[string]Fault // by path; Source, Line and Column only
}

func (l *loader) file(c *Config, path string) {
	if path == "" {
		return
	}
	text, err := readFile(path)
	if err != nil {
		l.add(Fault{Message: err.Error(), Hint: "check --config and SANDI_CONFIG"})
		return
	}
	yamlFile{loader: l, name: path}.load(c, text)
}

func (l *loader) environ(c *Config, environ []string) {
	known := map[string]field{}
	for _, f := range settings(c) {
		known[f.env()] = f
	}
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || name == "SANDI_CONFIG" {
			continue
		}
		if f, ok := known[name]; ok {
			l.text(f, name, text)
			continue
		}
		if fromKubernetes(name, text) {
			continue
		}
		l.add(Fault{Source: printable(name), Message: "unknown environment variable", Hint: suggestEnv(name, known)})
	}
}

// fromKubernetes says that a variable is one of those that Kubernetes gives to every container beside a Service
// called sandi: SANDI_SERVICE_HOST, SANDI_SERVICE_PORT, one more of that for each named port, and SANDI_PORT with
// a SANDI_PORT_8080_TCP family for each port. A SANDI_PORT that is only a number is somebody's mistake.
func fromKubernetes(name, value string) bool {
	if name == "SANDI_PORT" {
		return strings.Contains(value, "://")
	}
	return regexp.MustCompile(`^SANDI_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`).MatchString(name)
}

// suggestEnv is the hint for an unknown variable. The prefix that all share
// would make any two alike, so it is left out of the comparison.
func suggestEnv(name string, known map[string]field) string {
	var rests []string
	for k := range known {
		rests = append(rests, strings.TrimPrefix(k, envPrefix))
	}
	slices.Sort(rests)
	if near := nearest(strings.TrimPrefix(name, envPrefix), rests); near != "" {
		return didYouMean(envPrefix + near)
	}
	return "'sandi config doc' lists all settings"
}

func (l *loader) flags(c *Config, flags map[string]string) {
	for _, f := range settings(c) {
		if text, ok := flags[f.path]; ok {
			l.text(f, "command line", text)
		}
	}
}

// text sets one setting, over whatever an earlier source made of it.
func (l *loader) text(f field, source, text string) {
	l.origins[f.path] = Fault{Source: source}
	if message, hint := f.set(text); message != "" {
		l.add(Fault{Path: f.path, Source: source, Message: message, Hint: hint})
	}
}

// conflicts judges what only the presence of a setting shows.
func (l *loader) conflicts(c *Config) {
	const path = "token.insecure_no_rotation"
	if _, set := l.origins[path]; set && c.Token.Profile == "flask" && !c.Token.InsecureNoRotation {
		l.locate(Fault{
			Path: path, Message: "is false, but the profile flask refreshes without rotation",
			Hint: "for its lifetimes with rotation, set token.profile to sandi and token.refresh_idle to 30d",
		})
	}
}

// locate adds a fault of a setting, with where the setting came from, unless
// that place is already known to be wrong. What a section of a list lacks is told where the section begins.
func (l *loader) locate(f Fault) {
	o, ok := l.origins[f.Path]
	if i := strings.LastIndexByte(f.Path, ']'); i > 0 {
		section := f.Path[:i+1]
		if !ok {
			o = l.origins[section]
		}
		if l.has(section, o.Source) {
			return // it is no section at all
		}
	}
	f.Source, f.Line, f.Column = o.Source, o.Line, o.Column
	if !l.has(f.Path, f.Source) {
		l.add(f)
	}
}

// settingsTree are the top-level fields of c, sections closed.
func settingsTree(c *Config) []field { return children(reflect.ValueOf(c).Elem(), "") }

func find(fields []field, path string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.path == path })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// suggest is the hint for an unknown key among siblings: the nearest of them,
// else a setting of that name elsewhere, else what there is.
func suggest(path string, siblings []field) string {
	key := path[strings.LastIndexByte(path, '.')+1:]
	keys := make([]string, len(siblings))
	for i, f := range siblings {
		keys[i] = f.key()
	}
	if near := nearest(key, keys); near != "" {
		return didYouMean(near)
	}
	c := Default()
	for _, f := range opened(&c) {
		if f.key() == key || f.path == key {
			return didYouMean(f.path)
		}
	}
	return "the keys here are: " + strings.Join(keys, ", ")
}

func didYouMean(name string) string { return "did you mean " + strconv.Quote(name) + "?" }

// Path is the configuration file that the environment names (SANDI_CONFIG), or "".
func Path(environ []string) string {
	path := ""
	for _, entry := range environ {
		if p, ok := strings.CutPrefix(entry, "SANDI_CONFIG="); ok {
			path = p
		}
	}
	return path
}
