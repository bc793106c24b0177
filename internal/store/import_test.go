package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// importable are n users, some with roles.
func (f *fixture) importable(n int) []account.User {
	var users []account.User
	for i := range n {
		name := fmt.Sprintf("user%04d", i)
		users = append(users, account.User{
			Subject: name, Username: strings.ToUpper(name), PasswordHash: "$2b$12$" + name, Disabled: i%7 == 0,
			Roles: [][]string{nil, {"a"}, {"a", "b"}}[i%3], CredentialVersion: 1, CreatedAt: f.clock(), PasswordChangedAt: f.clock(),
		})
	}
	return users
}

var imported = audit.Event{Action: audit.UserCreated, Detail: map[string]string{"how": "import"}}

// Whatever their number, all come back as they went in, each with an event; who was there is left alone.
func TestImportUsers(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		for _, n := range []int{1, 2, 127, 128, 129, 500} {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				want := f.importable(n)
				present, err := f.ImportUsers(t.Context(), want[:n/2], imported)
				if err != nil || len(present) > 0 {
					t.Fatalf("present %v, %v", present, err)
				}
				changed := slices.Clone(want)
				for i := range n / 2 {
					changed[i].PasswordHash, changed[i].Roles = "another", []string{"another"}
				}
				if present, err = f.ImportUsers(t.Context(), changed, imported); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want[:n/2], present); n > 1 && diff != "" {
					t.Errorf("present (-want +got):\n%s", diff)
				}
				got, err := f.Users(t.Context(), "", n+1)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("users (-want +got):\n%s", diff)
				}
				events := f.events(t)
				if len(events) != n || events[n-1].Subject != want[n-1].Subject || events[0].Detail["how"] != "import" {
					t.Errorf("%d events, the last %+v", len(events), events[len(events)-1])
				}
			})
		}
	})
}

// An administrator who is imported makes the bootstrap secret worthless.
func TestImportClosesBootstrap(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		hash := [32]byte{1}
		if err := f.PutBootstrap(t.Context(), hash, f.clock().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		users := f.importable(2)
		users[1].Roles = []string{account.AdminRole}
		if _, err := f.ImportUsers(t.Context(), users, imported); err != nil {
			t.Fatal(err)
		}
		if err := f.Bootstrap(t.Context(), hash, f.importable(3)[2], audit.Event{}); !errors.Is(err, account.ErrBootstrap) {
			t.Errorf("the secret: %v, want ErrBootstrap", err)
		}
	})
}

// Two imports of the same users at once add each of them once.
func TestImportsRace(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		users := f.importable(300)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for chunk := range slices.Chunk(users, 50) {
					if _, err := f.ImportUsers(t.Context(), chunk, imported); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		got, err := f.Users(t.Context(), "", 1000)
		if diff := cmp.Diff(users, got); err != nil || diff != "" {
			t.Errorf("%v, users (-want +got):\n%s", err, diff)
		}
		if n := len(f.events(t)); n != len(users) {
			t.Errorf("%d events, want %d", n, len(users))
		}
	})
}

func TestSetRoles(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani", "admin", "manager")
		s := f.begin(t, "ani")
		f.takeRevoked()
		changed := audit.Event{Action: audit.RolesChanged, Subject: "ani"}
		for range 2 { // the second changes nothing, and revokes nothing
			if err := f.SetRoles(t.Context(), "ani", []string{"auditor", "manager"}, changed); err != nil {
				t.Fatal(err)
			}
		}
		u, err := f.User(t.Context(), "ani")
		if err != nil || !slices.Equal(u.Roles, []string{"auditor", "manager"}) {
			t.Errorf("roles %q, %v", u.Roles, err)
		}
		revoked := f.takeRevoked()
		if len(revoked) != 1 || revoked[0].Kind != revocation.Roles || revoked[0].Handle != "ani" || !revoked[0].NotBefore.Equal(f.clock()) {
			t.Errorf("revoked %+v, want ani's roles as of now", revoked)
		}
		events := f.events(t)
		last := events[len(events)-1]
		if last.Action != audit.RolesChanged || last.Detail["was"] != "admin manager" || last.Detail["roles"] != "auditor manager" {
			t.Errorf("event %+v", last)
		}
		if r := f.rotate(t, presented(s, 0), limits()); !slices.Equal(r.User.Roles, u.Roles) {
			t.Errorf("a refresh has roles %q", r.User.Roles)
		}
		if err := f.SetRoles(t.Context(), "ani", nil, changed); err != nil {
			t.Error(err)
		}
		if u, _ := f.User(t.Context(), "ani"); len(u.Roles) != 0 {
			t.Errorf("roles %q, want none", u.Roles)
		}
		if err := f.SetRoles(t.Context(), "dewi", nil, changed); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("an unknown user: %v", err)
		}
	})
}
