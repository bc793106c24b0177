package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
)

// flask is Werkzeug's hash of the password "kopi tübruk".
const flask = "scrypt:1024:8:1$wA7l4a3K$4f657cb18657b84870306e35dafeaf750f9c513cef25f08acc0a6d1ab7222bcc7ca27d3c97dd3c5f26324ccf98563793430b46123c57d48540694cd4151ea228"

// outcomes imports a batch and tells what became of each line.
func (b *bench) outcomes(t *testing.T, i *account.Importer, batch ...account.Imported) []string {
	t.Helper()
	for n := range batch {
		batch[n].Line = n + 1
	}
	got, err := i.Import(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for n, o := range got {
		if o.Line != n+1 {
			t.Errorf("outcome %d is of line %d", n, o.Line)
		}
		text := []string{"added", "present", "conflict", "refused"}[o.State]
		if o.Err != nil {
			text += ": " + code(o.Err)
		}
		texts = append(texts, text)
	}
	return texts
}

func TestImport(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "agnes")
	b.clock.advance(time.Hour)
	past := b.clock.now().Add(-time.Minute)
	lines := []account.Imported{
		{Username: "Budi", PasswordHash: flask, Roles: []string{"b", "a", "b"}, CreatedAt: past},
		{Username: "Siti", Password: good, Disabled: true},
		{Username: "agnes", PasswordHash: flask},
		{Username: "a b", PasswordHash: flask},
		{Username: "tini", PasswordHash: "md5$x$y"},
		{Username: "tini", PasswordHash: flask, Password: good},
		{Username: "tini"},
		{Username: "tini", Password: "password2"},
		{Username: "tono", PasswordHash: flask, Roles: []string{"a b"}},
		{Username: "tono", PasswordHash: flask, CreatedAt: b.clock.now().Add(time.Hour)},
		{Username: "tono", PasswordHash: flask, PasswordChangedAt: time.Unix(0, 0)},
		{Username: "BUDI", PasswordHash: flask},
		{Username: "\u0430gnes", PasswordHash: flask}, // a Cyrillic a
	}
	want := []string{
		"added", "added", "conflict: a user of this name is there already, with another password",
		"refused: invalid_request username_characters", "refused: password hash (md5): it is broken too fast; the user needs a new password",
		"refused: one of password_hash and password is needed, and not both", "refused: one of password_hash and password is needed, and not both",
		"refused: weak_password password_guessable", "refused: invalid_request role_invalid",
		"refused: created_at is in the future", "refused: password_changed_at is not after 1970",
		"conflict: a user of this name is there already on line 1", "refused: invalid_request username_characters",
	}
	for _, dry := range []bool{true, false} {
		if got := b.outcomes(t, b.NewImporter(dry, at("")), slices.Clone(lines)...); !slices.Equal(got, want) {
			t.Errorf("dry %v:\ngot  %q\nwant %q", dry, got, want)
		}
		users, err := b.List(t.Context(), "", 10)
		if n := map[bool]int{true: 1, false: 3}[dry]; err != nil || len(users) != n {
			t.Errorf("dry %v: %d users, %v; want %d", dry, len(users), err, n)
		}
	}
	u, err := b.User(t.Context(), "budi")
	if err != nil || u.Username != "Budi" || !slices.Equal(u.Roles, []string{"a", "b"}) || !u.CreatedAt.Equal(past) || !u.PasswordChangedAt.Equal(past) {
		t.Errorf("budi is %+v, %v", u, err)
	}
	want[0], want[1] = "present", "present" // again: who is there is left as they are
	if got := b.outcomes(t, b.NewImporter(false, at("")), slices.Clone(lines)...); !slices.Equal(got, want) {
		t.Errorf("again:\ngot  %q\nwant %q", got, want)
	}
}

// An imported hash is verified as it is, and is argon2id after the first login with the right password.
// secure-defaults 12a, ASVS 11.4.2
func TestImportedHashIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	created := b.clock.now().Add(-time.Hour)
	line := account.Imported{Username: "budi", PasswordHash: flask, CreatedAt: created}
	b.outcomes(t, b.NewImporter(false, at("")), line)
	if got := b.login(t.Context(), "budi", "kopi tubruk", ""); got != "invalid_credentials" {
		t.Errorf("a wrong password: %q", got)
	}
	if u, _ := b.User(t.Context(), "budi"); u.PasswordHash != flask {
		t.Error("a wrong password replaces the hash")
	}
	for range 2 {
		u, err := b.Verify(t.Context(), "budi", "kopi tübruk", at("192.0.2.1"))
		if err != nil || u.CredentialVersion != 1 {
			t.Fatalf("login: %+v, %v", u, err)
		}
	}
	u, err := b.User(t.Context(), "budi")
	if err != nil || !strings.HasPrefix(u.PasswordHash, "$argon2id$") {
		t.Errorf("the hash after a login is %.9q, %v", u.PasswordHash, err)
	}
	if got := b.outcomes(t, b.NewImporter(false, at("")), line); got[0] != "present" {
		t.Errorf("imported again after a login: %q", got)
	}
	if err := b.ChangePassword(t.Context(), "budi", "kopi tübruk", better, "", at("")); err != nil {
		t.Fatal(err)
	}
	if got := b.outcomes(t, b.NewImporter(false, at("")), line); got[0] != "conflict: a user of this name is there already, with another password, password_changed_at" {
		t.Errorf("imported again after another password: %q", got)
	}
}

// A cheap foreign hash is topped up, and a refused one is refused as everybody is.
// secure-defaults 12d
func TestForeignHashIsToppedUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *account.Config) { c.Hash = account.Params{MemoryKiB: 4096, Iterations: 2} })
	b.outcomes(t, b.NewImporter(false, at("")), account.Imported{
		Username: "budi", PasswordHash: "pbkdf2_sha256$1$seasalt$+SHjz2KynGZ/1BzTCBh/xRlmjCQF4mK23fTJg7W3Wos=",
	})
	before := account.HashWork(b.Service)
	if got := b.login(t.Context(), "budi", "x", ""); got != "invalid_credentials" {
		t.Errorf("login: %q", got)
	}
	if got := account.HashWork(b.Service) - before; got != 8192 {
		t.Errorf("argon2id work of %d KiB beside one round of PBKDF2, want 8192", got)
	}
}

// What is exported is imported as it is.
func TestExportIsImportable(t *testing.T) {
	t.Parallel()
	from, to := newBench(t), newBench(t)
	from.register(t, "agnes")
	var batch []account.Imported
	for n := range 500 {
		batch = append(batch, account.Imported{
			Username: fmt.Sprintf("Budi%d", n), PasswordHash: flask, Roles: []string{"a"}, Disabled: n%2 == 0,
			CreatedAt: from.clock.now().Add(-time.Hour), PasswordChangedAt: from.clock.now().Add(-time.Minute),
		})
	}
	from.outcomes(t, from.NewImporter(false, at("")), batch...)
	for _, want := range []string{"added", "present"} {
		var exported []account.Imported
		count, err := from.Export(t.Context(), func(u account.User) error {
			exported = append(exported, account.Imported{
				Username: u.Username, PasswordHash: u.PasswordHash, Roles: u.Roles, Disabled: u.Disabled,
				CreatedAt: u.CreatedAt, PasswordChangedAt: u.PasswordChangedAt,
			})
			return nil
		}, audit.From{Actor: "cli"})
		if err != nil || count != 501 || len(exported) != count {
			t.Fatalf("exported %d, said %d, %v; want 501", len(exported), count, err)
		}
		i := to.NewImporter(false, at(""))
		for part := range slices.Chunk(exported, 300) {
			for n, got := range to.outcomes(t, i, part...) {
				if got != want {
					t.Fatalf("%s: %q, want %q", part[n].Username, got, want)
				}
			}
		}
	}
	events, err := from.db.Events(t.Context(), 501, 10)
	if err != nil || len(events) != 2 || events[0].Action != audit.UsersExported {
		t.Errorf("events %+v, %v; want two exports", events, err)
	}
}

func TestSetRoles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	if err := b.SetRoles(t.Context(), "BUDI", []string{"b", "a", "b"}, at("")); err != nil {
		t.Fatal(err)
	}
	if u, err := b.User(t.Context(), "budi"); err != nil || !slices.Equal(u.Roles, []string{"a", "b"}) {
		t.Errorf("roles %q, %v", u.Roles, err)
	}
	for name, tt := range map[string]struct{ username, role, want string }{
		"unknown":  {"nobody", "a", "not_found user_not_found"},
		"bad role": {"budi", "a b", "invalid_request role_invalid"},
		"bad name": {"b b", "a", "invalid_request username_characters"},
	} {
		if got := code(b.SetRoles(t.Context(), tt.username, []string{tt.role}, at(""))); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
