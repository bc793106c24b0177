package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/jwt"
)

// talker is a server of live sockets: a process that the system puts on whichever core, and that uses one at a time.
type talker struct {
	*process
	name, address, version string
	mint                   mint
	memory                 func() (memory, error)
	stop                   func()
}

// memory is what a process has, in bytes: alive after collections, stacks included, those alone, and resident.
type memory struct{ Heap, Stack, Resident float64 }

// launch starts a program.
func launch(name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...)}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.enc, p.dec = json.NewEncoder(p.in), json.NewDecoder(out)
	return p, p.cmd.Start()
}

// startNode starts the server of seed 001.
func startNode() (*talker, error) {
	p, err := launch("node", "--expose-gc", filepath.Join("testdata", "node", "server.mjs"), secret)
	if err != nil {
		return nil, err
	}
	var h hello
	if err := p.dec.Decode(&h); err != nil {
		p.close()
		return nil, errNoServer
	}
	claims := fmt.Sprintf(`{"id":"NEW","codename":"AgentX","iat":%d,"exp":%d}`, time.Now().Unix(), time.Now().Add(time.Hour).Unix())
	t := &talker{process: p, name: "node", address: h.Address, version: h.Version, mint: mint{Claims: claims}, stop: p.close}
	t.memory = func() (memory, error) {
		var m memory
		if _, err := io.WriteString(p.in, "gc\n"); err != nil {
			return m, err
		}
		return m, p.dec.Decode(&m)
	}
	return t, nil
}

// sandiSettings are the defaults, but for the limits that 10,000 clients of one machine and a thousand messages a second would meet.
const sandiSettings = `data: %[1]s/data
listen: {addr: %[2]s, max_connections: 12000}
admin: {addr: %[3]s}
api: {prefixes: [/api/auth], registration: open}
token: {profile: flask, %[4]s}
log: {level: error}
realtime:
  enabled: true
  default_channel: hq
  channels: [{name: hq}]
  max_connections: 12000
  max_per_user: 12000
  rate: 100000
  drain_time: 0s
`

// startSandi runs "sandi serve" on an empty folder.
func startSandi(binary, dir string, alg jwt.Algorithm) (*talker, error) {
	dir, err := os.MkdirTemp(dir, string(alg))
	if err != nil {
		return nil, err
	}
	keys := "algorithm: " + string(alg)
	if alg == jwt.HS256 {
		keys += ", secret_file: " + filepath.Join(dir, "secret")
	}
	public, admin := freeAddress(), freeAddress()
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "secret"), []byte(secret), 0o600),
		os.WriteFile(filepath.Join(dir, "sandi.yaml"), fmt.Appendf(nil, sandiSettings, dir, public, admin, keys), 0o600),
	)
	if err != nil {
		return nil, err
	}
	p, err := launch(binary, "serve", "--config", filepath.Join(dir, "sandi.yaml"))
	if err != nil {
		return nil, err
	}
	t := &talker{process: p, name: "sandi, " + string(alg), address: public}
	t.memory = func() (memory, error) { return settled("http://"+admin+"/metrics", p.cmd.Process.Pid) }
	t.stop = func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		p.close()
	}
	if err = t.awake(); err == nil {
		t.mint, err = t.tokens(alg)
	}
	if err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0" // whoever listens there says so
	}
	defer l.Close()
	return l.Addr().String()
}

// awake waits until the server is ready.
func (t *talker) awake() error {
	var last error
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + t.address + "/readyz")
		if last = err; err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return nil
		}
		last = errors.New(res.Status)
	}
	return fmt.Errorf("wait for sandi: %w", last)
}

// tokens registers a user. HS256 tokens are then signed in the form of the user's; others are the user's own, by refreshing.
func (t *talker) tokens(alg jwt.Algorithm) (mint, error) {
	random := make([]byte, 15)
	_, _ = rand.Read(random)
	user := fmt.Sprintf(`{"username":"siti","password":%q}`, base64.RawURLEncoding.EncodeToString(random))
	var login struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := errors.Join(t.post("register", "", user, nil), t.post("login", "", user, &login)); err != nil {
		return mint{}, err
	}
	if alg == jwt.HS256 {
		return likeness(login.Access)
	}
	m := mint{Tokens: make([]string, 12_000)}
	var group errgroup.Group
	group.SetLimit(visitors)
	for i := range m.Tokens {
		group.Go(func() error {
			var next struct {
				Access string `json:"access_token"`
			}
			err := t.post("refresh", login.Refresh, "", &next)
			m.Tokens[i] = next.Access
			return err
		})
	}
	return m, group.Wait()
}

func (t *talker) post(path, bearer, body string, answer any) error {
	r, err := http.NewRequest(http.MethodPost, "http://"+t.address+"/api/auth/"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if r.Header.Set("Content-Type", "application/json"); bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s %s %w", path, res.Status, text, err)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// likeness makes tokens like one, each of another user, session and token.
func likeness(token string) (m mint, err error) {
	parts := strings.Split(token, ".")
	var header struct{ KID, Typ string }
	var claims map[string]any
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return m, err
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			return m, err
		}
	}
	for _, name := range []string{"sub", "sid", "jti"} {
		claims[name] = "NEW"
	}
	text, err := json.Marshal(claims)
	return mint{KeyID: header.KID, Typ: header.Typ, Claims: string(text)}, err
}

// settled has the server collect its garbage a few times, by asking for its metrics: each lets stacks shrink by half.
func settled(metrics string, pid int) (m memory, err error) {
	var first float64
	for i := 0; ; i++ {
		v, err := gauges(metrics)
		if err != nil {
			return m, err
		}
		if i == 0 {
			first = v["go_gc_duration_seconds_count"]
		}
		now := v["go_memstats_heap_alloc_bytes"] + v["go_memstats_stack_inuse_bytes"]
		if m.Heap == 0 || now < m.Heap {
			m.Heap, m.Stack = now, v["go_memstats_stack_inuse_bytes"]
		}
		if v["go_gc_duration_seconds_count"] >= first+8 {
			break
		}
	}
	m.Resident, err = resident(pid)
	return m, err
}

func gauges(url string) (map[string]float64, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Encoding", "identity") // compressing keeps megabytes
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = v
		}
	}
	return values, err
}

// resident is what the process has in memory (proc_pid_status(5), VmRSS).
func resident(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	digits, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, _ := strconv.ParseFloat(digits, 64)
	return kib * 1024, err
}
