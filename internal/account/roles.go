package account

import (
	"context"

	"github.com/sandi-auth/sandi/internal/audit"
)

// SetRoles replaces the roles of a user. Access tokens that were issued until now
// stop counting, so that nobody goes on with the old ones; sessions stay, and
// refresh to the new ones. The errors are problem.NotFound and Register's for a name or role.
func (s *Service) SetRoles(ctx context.Context, username string, roles []string, from audit.From) error {
	subject, err := s.Normalise(username)
	if err != nil {
		return err
	}
	if roles, err = checkRoles(roles); err != nil {
		return err
	}
	return known(s.store.SetRoles(ctx, subject, roles, s.event(audit.RolesChanged, subject, from)))
}

// Export hands every user to write, with the password hash, ascending by subject,
// and says how many they were. It is audited before the first one. Who is added or changed meanwhile may be
// among them or not.
func (s *Service) Export(ctx context.Context, write func(User) error, from audit.From) (n int, err error) {
	const page = 500
	if err := s.store.Audit(ctx, s.event(audit.UsersExported, "", from)); err != nil {
		return 0, err
	}
	for after := ""; ; {
		users, err := s.store.Users(ctx, after, page)
		if err != nil {
			return n, err
		}
		for _, u := range users {
			if err := write(u); err != nil {
				return n, err
			}
			after = u.Subject
			n++
		}
		if len(users) < page {
			return n, nil
		}
	}
}
