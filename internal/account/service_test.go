package account_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/store"
)

// clock is advanced by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// cheap is what tests hash with.
var cheap = account.Params{MemoryKiB: 8, Iterations: 1, Parallelism: 1}

// bench is a service over a store of its own.
type bench struct {
	*account.Service
	clock clock
	db    *store.DB
	cfg   account.Config
}

func newBench(t *testing.T, change ...func(*account.Config)) *bench {
	t.Helper()
	b := &bench{}
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "sandi.db"), Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b.db = db
	b.cfg = account.Config{Store: db, Limits: cluster.NewMemory(b.clock.now), Now: b.clock.now, Hash: cheap, InsecureWeakHash: true}
	b.restart(t, change...)
	return b
}

// restart builds the service anew over the same store.
func (b *bench) restart(t *testing.T, change ...func(*account.Config)) {
	t.Helper()
	for _, f := range change {
		f(&b.cfg)
	}
	var err error
	if b.Service, err = account.New(b.cfg); err != nil {
		t.Fatal(err)
	}
}

const good = "gerimis sore di pematang"

func (b *bench) register(t *testing.T, username string) account.User {
	t.Helper()
	u, err := b.Register(t.Context(), username, good, nil, at(""))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func at(address string) audit.From { return audit.From{Address: address, RequestID: "r"} }

// login tries a password and returns the code of the refusal, "" for none.
func (b *bench) login(ctx context.Context, username, password, address string) string {
	_, err := b.Verify(ctx, username, password, at(address))
	return code(err)
}

func code(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*problem.Error](err); ok {
		return strings.TrimSuffix(e.Code+" "+e.Sentence, " ")
	}
	return err.Error()
}

// secure-defaults 12a: what is stored is argon2id.
func TestRegister(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u, err := b.Register(t.Context(), "AgentX", good, []string{"manager", "field-operative", "manager"}, at("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := b.User(t.Context(), "agentx")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u, stored); diff != "" {
		t.Errorf("stored user differs: %s", diff)
	}
	if u.Username != "AgentX" || cmp.Diff([]string{"field-operative", "manager"}, u.Roles) != "" || u.CredentialVersion != 1 {
		t.Errorf("registered %+v", u)
	}
	if !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("password hash %q", u.PasswordHash)
	}
	for name, tt := range map[string]struct {
		username, password, role, want string
	}{
		"taken in another spelling": {"agentX", good, "a", "username_taken"},
		"bad name":                  {"a b", good, "a", "invalid_request username_characters"},
		"short":                     {"budi", "x7Qp!m2", "a", "weak_password password_too_short"},
		"name as password":          {"rizalfahmi", "RizalFahmi", "a", "weak_password password_guessable"},
		"empty role":                {"budi", good, "", "invalid_request role_invalid"},
		"role with a space":         {"budi", good, "a b", "invalid_request role_invalid"},
	} {
		if _, err := b.Register(t.Context(), tt.username, tt.password, []string{tt.role}, at("")); code(err) != tt.want {
			t.Errorf("%s: %q, want %q", name, code(err), tt.want)
		}
	}
	if _, err := b.Add(t.Context(), account.NewUser{Username: "test", Password: "test", InsecureSkipPolicy: true}, at("")); err != nil {
		t.Errorf("a demo account: %v", err)
	}
	if got := b.login(t.Context(), "test", "test", ""); got != "" {
		t.Errorf("login of a demo account: %q", got)
	}
}

// A user is answered as the store keeps them: in whole milliseconds of UTC.
func TestTimesAreAsStored(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.clock.advance(1234567 * time.Nanosecond)
	local := func(c *account.Config) {
		c.Now = func() time.Time { return b.clock.now().In(time.FixedZone("WIB", 7*60*60)) }
	}
	b.restart(t, local)
	secret, expires, err := b.NewBootstrap(t.Context())
	if err != nil || expires.Nanosecond() != 1_000_000 || expires.Location() != time.UTC {
		t.Errorf("the secret expires %v, %v", expires, err)
	}
	admin, err := b.RedeemBootstrap(t.Context(), secret, "admin", good, at(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []account.User{admin, b.register(t, "budi")} {
		stored, err := b.User(t.Context(), u.Subject)
		if err != nil || stored.CreatedAt != u.CreatedAt || stored.PasswordChangedAt != u.PasswordChangedAt {
			t.Errorf("%s: got %v and %v, stored %v and %v, %v", u.Subject, u.CreatedAt, u.PasswordChangedAt, stored.CreatedAt, stored.PasswordChangedAt, err)
		}
	}
}

func TestRenameAndDisable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "agentx")
	u, err := b.Rename(t.Context(), "agentx", "AgentX", at(""))
	if err != nil || u.Username != "AgentX" || u.Subject != "agentx" {
		t.Errorf("Rename = %+v, %v", u, err)
	}
	if _, err := b.Rename(t.Context(), "agentx", "agenty", at("")); code(err) != "invalid_request username_other" {
		t.Errorf("rename to another name: %v", err)
	}
	if _, err := b.Rename(t.Context(), "nobody", "Nobody", at("")); !errors.Is(err, problem.NotFound) {
		t.Errorf("rename of nobody: %v", err)
	}
	for _, disabled := range []bool{true, true, false} {
		if err := b.SetDisabled(t.Context(), "AgentX", disabled, at("")); err != nil {
			t.Fatal(err)
		}
		if got := b.login(t.Context(), "agentx", good, ""); (got == "") == disabled {
			t.Errorf("disabled %v: login %q", disabled, got)
		}
	}
	if err := b.SetDisabled(t.Context(), "nobody", true, at("")); !errors.Is(err, problem.NotFound) || !errors.Is(err, account.ErrNotFound) {
		t.Errorf("disable nobody: %v", err)
	}
	list, err := b.List(t.Context(), "", 10)
	if err != nil || len(list) != 1 {
		t.Errorf("List = %v, %v", list, err)
	}
}

// The audit log does not grow by changes that change nothing, nor without bound by others.
func TestRenameIsLimited(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "agentx")
	for range 20 {
		if u, err := b.Rename(t.Context(), "agentx", "agentx", at("")); err != nil || u.Username != "agentx" {
			t.Fatalf("Rename = %+v, %v", u, err)
		}
	}
	for i, username := range []string{"AgentX", "agentx", "AgentX", "agentx", "AgentX"} {
		if _, err := b.Rename(t.Context(), "agentx", username, at("")); err != nil {
			t.Fatalf("rename %d: %v", i, err)
		}
	}
	if _, err := b.Rename(t.Context(), "agentx", "agentx", at("")); code(err) != "too_many_attempts" {
		t.Errorf("the sixth in a row: %v", err)
	}
	events, err := b.db.Events(t.Context(), 0, 100)
	if err != nil || len(events) != 6 { // the registration and five changes
		t.Errorf("%d events, %v; want 6", len(events), err)
	}
}

// ASVS 11.4.2, secure-defaults 12a, 12c: the cost is not lowered by mistake.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, change := range map[string]func(*account.Config){
		"little memory":   func(c *account.Config) { c.InsecureWeakHash = false; c.Hash = account.Params{MemoryKiB: 19455} },
		"one pass":        func(c *account.Config) { c.InsecureWeakHash = false; c.Hash = account.Params{Iterations: 1} },
		"many lanes":      func(c *account.Config) { c.Hash = account.Params{Parallelism: 256} },
		"short passwords": func(c *account.Config) { c.MinLength = 7 },
		"long passwords":  func(c *account.Config) { c.MaxLength = 2000 },
	} {
		cfg := b.cfg
		change(&cfg)
		if _, err := account.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
