package interop_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// debianPython is the interpreter that Debian's packages are installed for; another python3 may
// come first in PATH.
const debianPython = "/usr/bin/python3"

// process is a Python script that is spoken to line by line.
type process struct {
	tb testing.TB
	in io.Writer
	bufio.Scanner
}

// startPython runs a script of testdata until the test ends.
func startPython(tb testing.TB, script string) *process {
	tb.Helper()
	if exec.Command(debianPython, "-I", "-c", "import flask_jwt_extended, jwt, cryptography").Run() != nil {
		missing(tb, "one of Debian's packages python3-python-flask-jwt-extended, python3-flask, python3-jwt, python3-cryptography")
	}
	cmd := exec.Command(debianPython, "-I", "-B", filepath.Join("testdata", script))
	in, out := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { // by its id: other scripts may run
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	p := &process{tb: tb, in: in, Scanner: *bufio.NewScanner(out)}
	p.Buffer(nil, 1<<20)
	return p
}

// ask writes one line and reads one.
func (p *process) ask(question, answer any) {
	p.tb.Helper()
	if _, err := p.in.Write(append(must(json.Marshal(question)), '\n')); err != nil {
		p.tb.Fatal(err)
	}
	if !p.Scan() {
		p.tb.Fatalf("no answer from Python: %v", p.Err())
	}
	if err := json.Unmarshal(p.Bytes(), answer); err != nil {
		p.tb.Fatalf("decode %q: %v", p.Text(), err)
	}
}

// pythonKey is a key, its halves as PyJWT reads them: PEM, or for HMAC the secret as text.
type pythonKey struct {
	*jwt.Key
	private, public string
}

func newPythonKey(alg jwt.Algorithm) pythonKey {
	k := newKey(alg)
	if k.PublicKey() != nil {
		return pythonKey{k, string(must(k.PrivatePEM())), string(must(k.PEM()))}
	}
	text := hex.EncodeToString(private(k).secret)
	return pythonKey{must(jwt.NewKey(alg, "k1", []byte(text))), text, text}
}

// PyJWT and jwt read one another's tokens, in every algorithm that both know.
func TestPyJWT(t *testing.T) {
	t.Parallel()
	p := startPython(t, "pyjwt.py")
	for _, alg := range allAlgorithms {
		k := newPythonKey(alg)
		verifier := must(jwt.NewVerifier(jwt.Config{
			Keys: must(jwt.NewKeySet(k.Key)), Issuer: issuer, Audience: []string{audience}, Types: []string{"at+jwt"},
		}))
		claims := map[string]any{
			"iss": issuer, "aud": []string{audience}, "sub": "pengguna é 用戶", "iat": time.Now().Unix(),
			"exp": time.Now().Add(time.Hour).Unix(), "nested": map[string]any{"roles": []string{"a"}, "n": 1.5},
		}
		var theirs struct{ Token, Error string }
		p.ask(map[string]any{
			"do": "sign", "alg": alg, "key": k.private, "claims": claims, "headers": map[string]any{"typ": "at+jwt", "kid": k.ID()},
		}, &theirs)
		if read, err := verifier.Verify(t.Context(), theirs.Token); err != nil {
			t.Errorf("%s: jwt refuses PyJWT's token: %v %s", alg, err, theirs.Error)
		} else {
			sameClaims(t, string(must(read.MarshalJSON())), string(must(json.Marshal(claims))))
		}
		var ours struct {
			Claims json.RawMessage
			Error  string
		}
		verify := map[string]any{"do": "verify", "alg": alg, "key": k.public, "audience": audience, "issuer": issuer}
		token := must(jwt.Sign(k.Key, "at+jwt", claims))
		verify["token"] = token
		if p.ask(verify, &ours); ours.Error != "" {
			t.Errorf("%s: PyJWT refuses jwt's token: %s", alg, ours.Error)
			continue
		}
		sameClaims(t, string(ours.Claims), string(must(json.Marshal(claims))))
		verify["token"] = token[:len(token)-8] + "AAAAAAAA"
		if p.ask(verify, &ours); ours.Error != "InvalidSignatureError: Signature verification failed" {
			t.Errorf("%s: PyJWT answers %q to an altered signature", alg, ours.Error)
		}
	}
}
