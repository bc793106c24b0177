package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// changes of a user that another node makes, each with what the next refresh must answer.
var changes = []struct {
	name string
	make func(t *testing.T, f *fixture, node *store.DB, kept session.Session) error
	want account.User // as it is afterwards
	step session.Step
}{
	{
		name: "nothing", step: session.StepRotated, want: account.User{Username: "ani", Roles: []string{"manager", "user"}},
		make: func(*testing.T, *fixture, *store.DB, session.Session) error { return nil },
	}, {
		name: "roles", step: session.StepRotated, want: account.User{Username: "ani", Roles: []string{"user"}},
		make: func(t *testing.T, _ *fixture, node *store.DB, s session.Session) error {
			return node.SetRoles(t.Context(), s.Subject, []string{"user"}, audit.Event{})
		},
	}, {
		name: "roles, twice", step: session.StepRotated, want: account.User{Username: "ani", Roles: []string{"user"}},
		make: func(t *testing.T, _ *fixture, node *store.DB, s session.Session) error {
			if err := node.SetRoles(t.Context(), s.Subject, nil, audit.Event{}); err != nil {
				return err
			}
			return node.SetRoles(t.Context(), s.Subject, []string{"user"}, audit.Event{})
		},
	}, {
		name: "name", step: session.StepRotated, want: account.User{Username: "ANI", Roles: []string{"manager", "user"}},
		make: func(t *testing.T, _ *fixture, node *store.DB, s session.Session) error {
			return node.RenameUser(t.Context(), s.Subject, "ANI", audit.Event{})
		},
	}, {
		name: "disabled", step: session.StepRefused,
		make: func(t *testing.T, _ *fixture, node *store.DB, s session.Session) error {
			return node.SetDisabled(t.Context(), s.Subject, true, audit.Event{})
		},
	}, {
		name: "disabled in the users table alone", step: session.StepRefused,
		make: func(t *testing.T, f *fixture, _ *store.DB, s session.Session) error {
			return f.raw(t, `UPDATE users SET disabled = TRUE WHERE subject = '`+s.Subject+`'`).Close()
		},
	}, {
		name: "password", step: session.StepRefused,
		make: func(t *testing.T, _ *fixture, node *store.DB, s session.Session) error {
			return node.ChangePassword(t.Context(), account.PasswordChange{Subject: s.Subject, ExpectVersion: 1, Hash: "x"}, audit.Event{})
		},
	}, {
		name: "password, by this session", step: session.StepRotated,
		want: account.User{Username: "ani", Roles: []string{"manager", "user"}, CredentialVersion: 2},
		make: func(t *testing.T, _ *fixture, node *store.DB, s session.Session) error {
			return node.ChangePassword(t.Context(), account.PasswordChange{Subject: s.Subject, ExpectVersion: 1, Hash: "x", Keep: s.ID.String()}, audit.Event{})
		},
	}, {
		name: "logout", step: session.StepRefused,
		make: func(t *testing.T, _ *fixture, node *store.DB, s session.Session) error {
			return node.EndSession(t.Context(), s.ID, s.Subject, true, session.LoggedOut, audit.Event{})
		},
	},
}

// TestChangeElsewhereCountsAtOnce: what another node changed of a user counts at the very next refresh, though this one
// has just answered for the session; and so do refreshes by the other.
// secure-defaults 6c
func TestChangeElsewhereCountsAtOnce(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		for i, c := range changes {
			t.Run(c.name, func(t *testing.T) {
				u := f.addUser(t, fmt.Sprintf("ani%d", i), "manager", "user")
				if err := f.RenameUser(t.Context(), u.Subject, "ani", audit.Event{}); err != nil {
					t.Fatal(err)
				}
				s := f.begin(t, u.Subject)
				for g := range uint32(4) {
					f.advance(time.Minute)
					node := []*store.DB{f.DB, f.DB, other, f.DB}[g]
					r, err := node.RotateSession(t.Context(), presented(s, g), limits(), audit.Event{}, audit.Event{})
					if err != nil || r.Step != session.StepRotated {
						t.Fatalf("refresh %d: step %d, %v", g, r.Step, err)
					}
				}
				if err := c.make(t, f, other, s); err != nil {
					t.Fatal(err)
				}
				f.advance(time.Minute)
				got := f.rotate(t, presented(s, 4), limits())
				if got.Step != c.step {
					t.Fatalf("got step %d, want %d", got.Step, c.step)
				}
				if c.step == session.StepRefused {
					return
				}
				if diff := cmp.Diff(f.row(t, s.ID), got.Session); diff != "" {
					t.Errorf("answer (-row +got):\n%s", diff)
				}
				c.want.Subject, c.want.CreatedAt, c.want.PasswordChangedAt = u.Subject, got.User.CreatedAt, got.User.PasswordChangedAt
				c.want.CredentialVersion = max(c.want.CredentialVersion, 1)
				if diff := cmp.Diff(c.want, got.User); diff != "" {
					t.Errorf("user, without the hash (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// TestRolesWhileRefreshing: when SetRoles has returned, no refresh that begins then answers with the old roles, on any node, and
// none has kept them from one that waited for the change.
// secure-defaults 6c
func TestRolesWhileRefreshing(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		nodes := []*store.DB{f.DB, f.another(t)}
		l := limits()
		l.RetryWindow = 0
		var all []session.Session
		for range 6 {
			all = append(all, f.begin(t, f.addUser(t, session.NewID().String(), "old").Subject))
		}
		for round := range 8 {
			old := fmt.Sprintf("role%d", round)
			for i, s := range all {
				together(2, func(part int) {
					if part == 0 {
						if err := nodes[i%2].SetRoles(t.Context(), s.Subject, []string{old}, audit.Event{}); err != nil {
							t.Error(err)
						}
						return
					}
					for g := range uint32(6) {
						r, err := nodes[g%2].RotateSession(t.Context(), presented(s, uint32(round)*8+g), l, audit.Event{}, audit.Event{})
						if err != nil || r.Step != session.StepRotated {
							t.Errorf("refresh %d: step %d, %v", g, r.Step, err)
						}
					}
				})
				for g := range uint32(2) {
					r, err := nodes[g].RotateSession(t.Context(), presented(s, uint32(round)*8+6+g), l, audit.Event{}, audit.Event{})
					if err != nil || r.Step != session.StepRotated || len(r.User.Roles) != 1 || r.User.Roles[0] != old {
						t.Errorf("afterwards: step %d, roles %v, %v; want %s", r.Step, r.User.Roles, err, old)
					}
				}
			}
		}
	})
}

// TestRefreshThatWaitsForRoles: a refresh that waits for a change of the roles, and sees the user as before it, keeps nothing of that.
// secure-defaults 6c
func TestRefreshThatWaitsForRoles(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani", "old").Subject)
		raw := f.raw(t)
		change, err := raw.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{`UPDATE user_roles SET role = 'new'`, `UPDATE sessions SET user_version = 7`} {
			if _, err := change.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		waiting := `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
		if strings.HasPrefix(f.url, "mysql:") {
			waiting = `SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND command = 'Execute' AND info LIKE 'UPDATE sessions%'`
		}
		together(2, func(i int) {
			if i == 0 {
				f.RotateSession(t.Context(), presented(s, 0), limits(), audit.Event{}, audit.Event{})
				return
			}
			for n := 0; n == 0; {
				if err := raw.QueryRowContext(t.Context(), waiting).Scan(&n); err != nil {
					t.Error(err)
					break
				}
			}
			if err := change.Commit(); err != nil {
				t.Error(err)
			}
		})
		f.advance(time.Minute)
		if r := f.rotate(t, presented(s, 1), limits()); r.Step != session.StepRotated || !slices.Equal(r.User.Roles, []string{"new"}) {
			t.Errorf("step %d, roles %v; want new ones", r.Step, r.User.Roles)
		}
	})
}
