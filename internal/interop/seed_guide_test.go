package interop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// blocks are the pieces of a guide in one language, with this test's addresses and folder for the guide's.
func blocks(t *testing.T, guide, language string, replace *strings.Replacer) (list []string) {
	t.Helper()
	text := string(must(os.ReadFile(filepath.Join("..", "..", "docs", "guides", guide))))
	for i, part := range strings.Split(text, "```") {
		if name, block, _ := strings.Cut(part, "\n"); i%2 == 1 && name == language {
			list = append(list, replace.Replace(block))
		}
	}
	return list
}

// TestGatewayGuide: what docs/guides/gateway.md says is done, and holds: its configuration, and its three ways to verify who calls.
func TestGatewayGuide(t *testing.T) {
	t.Parallel()
	binary, dir := buildSandi(t), t.TempDir()
	issuer, gateway, operators, upstream := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	here := strings.NewReplacer("127.0.0.1:8080", issuer, "127.0.0.1:8000", gateway, "127.0.0.1:9091", operators, "127.0.0.1:3000", upstream,
		"readers_file: readers", "readers_file: "+dir+"/readers", "_file: gateway.secret", "_file: "+dir+"/gateway.secret", "data: gateway-data", "data: "+dir+"/gateway-data")
	setup := exec.Command("sh", "-ec", blocks(t, "gateway.md", "sh", here)[0])
	setup.Dir, setup.Env = dir, append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	if out, err := setup.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, config := range blocks(t, "gateway.md", "yaml", here) {
		name, _, _ := strings.Cut(strings.TrimPrefix(config, "# "), "\n")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(chan string, 1)
	guideUpstream(t, upstream, seen)
	p := &provider{t: t, url: "http://" + issuer, http: http.DefaultClient}
	guideRun(t, p.url+"/readyz", binary, "serve", "--config", dir+"/sandi.yaml", "--data", dir+"/data", "--addr", issuer)
	guideRun(t, "http://"+operators+"/readyz", binary, "gateway", "--config", dir+"/gateway.yaml")
	p.register("holder")
	token, _ := p.login("holder", "bearer")
	g := guideClient{t, "http://" + gateway, token}

	g.expect("/", "", 200)
	if identity := <-seen; identity != "" {
		t.Errorf("nobody is signed in, and the server was told %q", identity)
	}
	g.expect("/api/orders", "", 401)
	g.expect("/api/admin/users", token, 403)
	g.expect("/apix", "garbage", 401) // of the public route: a bad token is refused there too
	g.expect("/api/orders", token, 200)
	verifyIdentity(t, here, <-seen)
	g.expectStreamEnd(p)
}

// guideRun runs the command until the test ends.
func guideRun(t *testing.T, ready, binary string, args ...string) {
	t.Helper()
	var log bytes.Buffer
	env := append(os.Environ(), "SANDI_API_REGISTRATION=open")
	if args[0] == "serve" {
		env = append(env, "SANDI_ADMIN_ADDR=")
	}
	k := keep(t, env, &log, binary, args...)
	t.Cleanup(func() {
		if err := k.stop(); err != nil || t.Failed() {
			t.Errorf("sandi %s: %v\n%s", args[0], err, &log)
		}
	})
	answers := func() bool {
		res, err := http.Get(ready)
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	}
	if !within(time.Minute, func() bool { return k.gone() || answers() }) || k.gone() {
		t.Fatalf("sandi %s does not become ready", args[0])
	}
}

// guideUpstream is a server without any token code.
func guideUpstream(t *testing.T, address string, seen chan string) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: hello\n\ndata: half an ev")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		if r.Header.Get("Authorization") != "" || r.Header.Get("Sandi-Subject") != "" {
			t.Errorf("%s: the server got %v", r.URL.Path, r.Header)
		}
		seen <- r.Header.Get("Sandi-Identity")
	}))
	_ = s.Listener.Close()
	s.Listener = must(net.Listen("tcp", address))
	s.Start()
	t.Cleanup(s.Close)
}

type guideClient struct {
	t          *testing.T
	url, token string
}

func (g guideClient) request(path, token string) *http.Response {
	g.t.Helper()
	r := must(http.NewRequest(http.MethodGet, g.url+path, nil))
	r.Header.Set("Sandi-Subject", "admin") // which nobody may say
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	return res
}

func (g guideClient) expect(path, token string, status int) {
	g.t.Helper()
	res := g.request(path, token)
	defer res.Body.Close()
	if res.StatusCode != status {
		g.t.Errorf("GET %s: %s, want %d", path, res.Status, status)
	}
}

// expectStreamEnd: a stream of events ends with one that says so when its session does, and the event that was under way is not shown.
func (g guideClient) expectStreamEnd(p *provider) {
	res := g.request("/events", g.token)
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	if first, err := lines.ReadString('\n'); first != "data: hello\n" || err != nil {
		g.t.Fatalf("the stream begins with %q, %v", first, err)
	}
	r := must(http.NewRequest(http.MethodPost, p.url+"/api/auth/logout", nil))
	r.Header.Set("Authorization", "Bearer "+g.token)
	out, err := http.DefaultClient.Do(r)
	if err != nil || out.StatusCode != http.StatusOK {
		g.t.Fatalf("logout: %v %v", out, err)
	}
	_ = out.Body.Close()
	if rest, err := io.ReadAll(lines); err != nil || !strings.HasPrefix(string(rest), "\nevent: auth_expired\ndata: ") || strings.Contains(string(rest), "half") {
		g.t.Errorf("the stream ends with %q, %v", rest, err)
	}
}

// verifyIdentity runs the guide's code of each language.
func verifyIdentity(t *testing.T, here *strings.Replacer, identity string) {
	dir := t.TempDir()
	jose := must(filepath.Abs("../../test/npm/node_modules/jose/dist/webapi/index.js"))
	js := strings.Replace(blocks(t, "gateway.md", "js", here)[0], "from 'jose'", "from '"+jose+"'", 1) + `
import { text } from 'node:stream/consumers';
console.log(await caller(await text(process.stdin)));`
	python := blocks(t, "gateway.md", "python", here)[0] + "\nimport sys\n\nprint(caller(sys.stdin.read()))\n"
	program := strings.NewReplacer("package upstream", "package main", `	"context"`, "	\"context\"\n	\"fmt\"\n	\"io\"\n	\"os\"").
		Replace(blocks(t, "gateway.md", "go", here)[0]) + `
func main() {
	header, _ := io.ReadAll(os.Stdin)
	v, err := NewVerifier()
	if err != nil {
		panic(err)
	}
	fmt.Println(Caller(context.Background(), v, string(header)))
}`
	for _, tt := range []struct {
		file, text string
		run        []string
		want       string
	}{
		{"caller.mjs", js, []string{"node"}, "holder\n"},
		{"caller.py", python, []string{debianPython, "-I", "-B"}, "holder\n"},
		{"caller.go", program, []string{"go", "run"}, "holder <nil>\n"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			path := filepath.Join(dir, tt.file)
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, in := range []struct {
				token string
				ok    bool
			}{{identity, true}, {identity[:len(identity)-8] + "AAAAAAAA", false}} {
				cmd := exec.Command(tt.run[0], append(tt.run[1:], path)...)
				var stderr bytes.Buffer
				cmd.Stdin, cmd.Stderr = strings.NewReader(in.token), &stderr
				if out, _ := cmd.Output(); (string(out) == tt.want) != in.ok {
					t.Errorf("genuine %v: printed %s\n%s", in.ok, out, &stderr)
				}
			}
		})
	}
}
