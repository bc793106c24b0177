package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// line is what a script says, and the answer to it. A script does its cases, asks this program to be the browser of its
// user in between, and says of each case how it went. The first line that it reads are its settings.
type line struct {
	ID int `json:"id"`
	// Do is "visit" (go to URL, sign in, allow or deny, and answer with where it ended), "logout" (wait for a logout token
	// of Client), or "case" (Name has ended, with Error if it failed).
	Do     string `json:"do,omitempty"`
	URL    string `json:"url,omitempty"`
	Jar    string `json:"jar,omitempty"` // browsers of one name are one browser
	Deny   bool   `json:"deny,omitempty"`
	Client string `json:"client,omitempty"`
	Name   string `json:"name,omitempty"`
	Error  string `json:"error,omitempty"`
	Text   string `json:"text,omitempty"`
	// Answers alone.
	Pages []string `json:"pages,omitempty"`
	Token string   `json:"token,omitempty"`
}

// settings is what a script must know.
type settings struct {
	Issuer   string           `json:"issuer"`
	Packages string           `json:"packages"` // the folder whose node_modules has the npm packages
	API      string           `json:"api"`      // a resource
	Other    string           `json:"other"`    // another one
	Callback string           `json:"callback"`
	Bye      string           `json:"bye"` // the registered post_logout_redirect_uri
	User     string           `json:"user"`
	Clients  map[string]party `json:"clients"`
}

// runScript lets a script do its cases, each of which becomes a subtest, and fails where it ends otherwise than well.
func (p *provider) runScript(t *testing.T, user, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Env = append(os.Environ(), "AUTHLIB_INSECURE_TRANSPORT=1", "NODE_NO_WARNINGS=1")
	in, out := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := script{provider: p, user: user, in: json.NewEncoder(in), browsers: map[string]*browser{}}
	timer := time.AfterFunc(90*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	packages := must(filepath.Abs(filepath.Join("..", "..", "test", "npm")))
	err := s.in.Encode(settings{
		Issuer: p.url, Packages: packages, API: api, Other: otherAPI, Callback: callback, Bye: bye, User: user, Clients: p.parties,
	})
	results, readErr := s.serve(out)
	_ = in.Close()
	if err := errors.Join(err, readErr, cmd.Wait()); err != nil {
		t.Errorf("%s: %v\n%s", name, err, &stderr)
	}
	for _, r := range results {
		t.Run(r.Name, func(t *testing.T) {
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
	if len(results) == 0 {
		t.Error("no cases")
	}
}

// script is one that runs.
type script struct {
	provider *provider
	user     string
	mu       sync.Mutex // guards in
	in       *json.Encoder
	visiting sync.Mutex // guards browsers: one visit at a time, since many sign-ins of one user at once are taken for guesses
	browsers map[string]*browser
}

// serve answers until the script ends.
func (s *script) serve(out io.Reader) (results []line, err error) {
	var answering sync.WaitGroup
	defer answering.Wait()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q line
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return results, fmt.Errorf("read %q: %w", lines.Text(), err)
		}
		if q.Do == "case" {
			results = append(results, q)
			continue
		}
		answering.Go(func() {
			a := s.answer(q)
			s.mu.Lock()
			defer s.mu.Unlock()
			_ = s.in.Encode(a) // a script that has ended says so by itself
		})
	}
	return results, lines.Err()
}

func (s *script) answer(q line) line {
	a := line{ID: q.ID}
	var err error
	switch q.Do {
	case "visit":
		s.visiting.Lock()
		defer s.visiting.Unlock()
		v := s.browsers[q.Jar]
		if v == nil || q.Jar == "" {
			v = newBrowser(s.provider.url, s.user)
			s.browsers[q.Jar] = v
		}
		v.Pages, v.deny = nil, q.Deny
		a.URL, a.Text, err = v.visit(q.URL)
		a.Pages = v.Pages
	case "logout":
		a.Token, err = s.provider.logouts.wait(q.Client)
	default:
		err = fmt.Errorf("nobody can do %q", q.Do)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// runBrowser lets a script of test/browser drive Chromium, and makes each of its steps a subtest; want is how many there are.
func runBrowser(t *testing.T, script string, want int, settings map[string]string) {
	t.Helper()
	cmd := exec.Command("node", filepath.Join("..", "..", "test", "browser", script))
	cmd.Stdin = bytes.NewReader(append(must(json.Marshal(settings)), '\n'))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	steps := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); steps++ {
		var r line
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Errorf("read %q: %v", lines.Text(), err)
		}
		t.Run(r.Name, func(t *testing.T) {
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
	if err := cmd.Wait(); err != nil || steps != want {
		t.Errorf("%d steps of %d: %v\n%s", steps, want, err, &stderr)
	}
}

// packagesFor is the folder with playwright-core, for a test that also needs these files.
func packagesFor(t *testing.T, files ...string) string {
	t.Helper()
	packages := must(filepath.Abs(filepath.Join("..", "..", "test", "npm")))
	for _, file := range append(files, chromium, filepath.Join(packages, "node_modules", "playwright-core")) {
		if _, err := os.Stat(file); err != nil {
			missing(t, file)
		}
	}
	return packages
}
