package interop_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Addresses of the tests' clients and resources. Nobody is at them: the browser's visits end there.
const (
	callback = "https://client.example/callback"
	bye      = "https://client.example/bye"
	api      = "https://api.example"
	otherAPI = "https://other.example"
)

// users of the provider, one for each that drives a browser, so that none meets the consents and sessions of another.
var users = []string{"noder", "webber", "gopher", "pythonist", "visitor", "holder"}

// passwordOf is one that nobody guesses, and no policy refuses.
func passwordOf(user string) string {
	sum := sha256.Sum256([]byte(user))
	return hex.EncodeToString(sum[:])
}

// provider is a `sandi serve` on loopback as its binary runs it.
type provider struct {
	t       *testing.T
	url     string // the issuer
	dir     string
	parties map[string]party
	logouts *receiver
	http    *http.Client // that trusts its certificate
}

// startProvider runs the command of this checkout until the test ends; sites is where Apache will be.
func startProvider(t *testing.T, binary string, sites site) *provider {
	t.Helper()
	p := newProvider(t)
	p.serve(binary, p.clients(sites), section{"listen": section{"addr": strings.TrimPrefix(p.url, "http://")}})
	var group sync.WaitGroup
	for _, user := range users {
		group.Go(func() { p.register(user) })
	}
	group.Wait()
	return p
}

func newProvider(t *testing.T) *provider {
	return &provider{t: t, url: "http://" + freeAddress(t), dir: t.TempDir(), logouts: newReceiver(t), http: http.DefaultClient}
}

// shared is the folder of what all tests of a run share.
var shared string

func TestMain(m *testing.M) {
	shared = must(os.MkdirTemp("", "sandi-interop-"))
	code := m.Run()
	_ = os.RemoveAll(shared)
	os.Exit(code)
}

// built is the path of the command, built once, with the race detector where the tests have it.
var built = sync.OnceValues(func() (binary string, err error) {
	binary = filepath.Join(shared, "sandi")
	args := []string{"build", "-o", binary}
	if slowdown > 1 {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/sandi")...)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sandi: %w\n%s", err, out)
	}
	return binary, nil
})

func buildSandi(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// freeAddress is one on loopback that nobody listens on, nor is given by chance within the next minute: for so long the system remembers
// a connection of it that was closed on this side first.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there := must(net.Dial("tcp", l.Addr().String()))
	defer there.Close()
	_ = must(l.Accept()).Close()
	_, _ = io.Copy(io.Discard, there)
	return l.Addr().String()
}

// serve runs the command and waits until it is ready.
func (p *provider) serve(binary string, clients map[string]section, more section) {
	p.t.Helper()
	list, parties, err := p.equip(clients)
	if err != nil {
		p.t.Fatal(err)
	}
	p.parties = parties
	config, err := p.configuration(list, more)
	if err != nil {
		p.t.Fatal(err)
	}
	path, err := p.keep("sandi.yaml", config) // JSON is YAML
	if err != nil {
		p.t.Fatal(err)
	}
	var log bytes.Buffer
	k := keep(p.t, os.Environ(), &log, binary, "serve", "--config", path)
	p.t.Cleanup(func() {
		if err := k.stop(); err != nil {
			p.t.Errorf("sandi serve: %v", err)
		}
		if p.t.Failed() {
			p.t.Logf("log of sandi serve:\n%s", &log)
		}
	})
	if !within(time.Minute, func() bool { return k.gone() || p.answers("/readyz") }) || k.gone() {
		p.t.Fatal("sandi serve does not become ready")
	}
}

// answers says whether a path is found well.
func (p *provider) answers(path string) bool {
	res, err := p.http.Get(p.url + path)
	if err == nil {
		_ = res.Body.Close()
	}
	return err == nil && res.StatusCode == http.StatusOK
}

// within waits for what is about to be so.
func within(d time.Duration, so func() bool) bool {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); <-poll.C {
		if so() {
			return true
		}
	}
	return false
}

// register makes an account.
func (p *provider) register(user string) {
	body := must(json.Marshal(map[string]string{"username": user, "password": passwordOf(user)}))
	res, err := http.Post(p.url+"/api/auth/register", "application/json", bytes.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return
	}
	defer res.Body.Close()
	if text := must(io.ReadAll(res.Body)); res.StatusCode != http.StatusCreated {
		p.t.Errorf("register %s: %s %s", user, res.Status, text)
	}
}

// receiver gets the logout tokens of back channels, each client's at a path of its own.
type receiver struct {
	url    string
	mu     sync.Mutex // guards tokens
	tokens map[string]chan string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{tokens: map[string]chan string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			http.Error(w, "want a form by POST", http.StatusBadRequest)
			return
		}
		select {
		case r.of(strings.TrimPrefix(q.URL.Path, "/")) <- q.FormValue("logout_token"):
		default: // nobody waits for so many
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) of(client string) chan string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tokens[client] == nil {
		r.tokens[client] = make(chan string, 16)
	}
	return r.tokens[client]
}

var errNoLogout = errors.New("no logout token within 20 s")

// wait is the next token for a client, of whichever session.
func (r *receiver) wait(client string) (string, error) {
	select {
	case token := <-r.of(client):
		return token, nil
	case <-time.After(20 * time.Second):
		return "", fmt.Errorf("%s: %w", client, errNoLogout)
	}
}

// TestClients drives a `sandi serve` by the libraries that people have, unmodified.
func TestClients(t *testing.T) {
	t.Parallel()
	binary := buildSandi(t)
	sites := newSite(t)
	p := startProvider(t, binary, sites)
	for name, test := range map[string]func(*testing.T, *provider){
		"openid-client": func(t *testing.T, p *provider) { p.node(t, "noder", "openid-client") },
		"oauth4webapi":  func(t *testing.T, p *provider) { p.node(t, "webber", "oauth4webapi") },
		"go-oidc":       goClients,
		"Authlib":       pythonClient,
		"Apache":        func(t *testing.T, p *provider) { apache(t, p, sites) },
		"mutual TLS":    func(t *testing.T, _ *provider) { mutualTLS(t, binary) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// node runs a script of testdata with Node.
func (p *provider) node(t *testing.T, user, script string) {
	path, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join("..", "..", "test", "npm", "node_modules", script))
	}
	if err != nil {
		missing(t, "node, or what test/npm installs,")
	}
	p.runScript(t, user, path, filepath.Join("testdata", script+".mjs"))
}

func pythonClient(t *testing.T, p *provider) {
	if exec.Command(debianPython, "-I", "-c", "import authlib, requests").Run() != nil {
		missing(t, "one of Debian's packages python3-authlib, python3-requests")
	}
	p.runScript(t, "pythonist", debianPython, "-I", "-B", filepath.Join("testdata", "authlib_client.py"))
}
